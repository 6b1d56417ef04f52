/* From when to when is there something to count? */
/* grain: exactly one row */
/* reads: curated.bookings, intermediate.listing_states */
/* nulls: a first day is null when nothing of its kind exists; last_night, the later of as_of and the last booked night, never is */
WITH booked AS (
  SELECT
    MIN(CAST(booking_date AS DATE)) AS first_booking_day,
    MIN(checkin_date) AS first_booked_night,
    CAST(MAX(checkout_date) - INTERVAL '1' DAY AS DATE) AS last_booked_night
  FROM curated_bookings AS bookings
  WHERE
    booking_status IN ('confirmed', 'completed')
), listed AS (
  SELECT
    MIN(valid_from) AS first_live_day
  FROM intermediate_listing_states AS listing_states
), first_available AS (
  SELECT
    first_booked_night AS night
  FROM booked
  UNION ALL
  SELECT
    first_live_day AS night
  FROM listed
)
SELECT
  booked.first_booking_day,
  (
    SELECT
      MIN(night)
    FROM first_available
  ) AS first_available_night,
  GREATEST(
    CAST('2024-06-30' AS DATE),
    COALESCE(booked.last_booked_night, CAST('2024-06-30' AS DATE))
  ) AS last_night
FROM booked
CROSS JOIN listed
