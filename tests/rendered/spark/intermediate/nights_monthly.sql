/* How many nights of a month were booked, and how many live ones stayed free, by place and currency? */
/* grain: one row per (month_start, place_id, currency) with a night; booked nights are in the rows without a currency */
/* reads: intermediate.confirmed_bookings, intermediate.data_range, intermediate.double_booked_nights, intermediate.listing_places, intermediate.listing_states */
/* nulls: currency is that of the listing on a free night, null for booked nights */
/* Every interval of nights counts with a weight, which makes the distinct nights a sum: booked = stays - double bookings, free = live - (live and booked). */
/* Nights are not enumerated: intervals are added up by the months of their ends, and what they hold of the months between follows. */
WITH booked AS (
  SELECT
    apartment_id,
    GREATEST(checkin_date, CAST('1900-01-01' AS DATE)) AS night_from,
    LEAST(checkout_date, CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)) AS night_to,
    1 AS weight
  FROM intermediate_confirmed_bookings AS confirmed_bookings
  WHERE
    checkin_date < CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
    AND checkout_date > CAST('1900-01-01' AS DATE)
  UNION ALL
  SELECT
    apartment_id,
    GREATEST(night_from, CAST('1900-01-01' AS DATE)) AS night_from,
    LEAST(night_to, CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)) AS night_to,
    -1 AS weight
  FROM intermediate_double_booked_nights AS double_booked_nights
  WHERE
    night_from < CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
    AND night_to > CAST('1900-01-01' AS DATE)
), horizon AS (
  SELECT
    LEAST(
      CAST(DATE_TRUNC('MONTH', last_night) + INTERVAL '1' MONTH AS DATE),
      CAST(CAST('9000-12-31' AS DATE) + INTERVAL '1' MONTH AS DATE)
    ) AS ends_before
  FROM intermediate_data_range AS data_range
), states AS (
  SELECT
    states.apartment_id,
    states.currency,
    GREATEST(states.valid_from, CAST('1900-01-01' AS DATE)) AS valid_from,
    LEAST(states.valid_to, horizon.ends_before) AS valid_to,
    LAG(states.valid_to) OVER (PARTITION BY states.apartment_id ORDER BY states.valid_from NULLS LAST) AS previous_to,
    LAG(states.currency) OVER (PARTITION BY states.apartment_id ORDER BY states.valid_from NULLS LAST) AS previous_currency
  FROM intermediate_listing_states AS states
  CROSS JOIN horizon
  WHERE
    states.valid_from < horizon.ends_before
    AND states.valid_to > CAST('1900-01-01' AS DATE)
), numbered /* a new price alone does not begin another interval */ AS (
  SELECT
    apartment_id,
    currency,
    valid_from,
    valid_to,
    SUM(
      CASE
        WHEN previous_to = valid_from AND previous_currency = currency
        THEN 0
        ELSE 1
      END
    ) OVER (PARTITION BY apartment_id ORDER BY valid_from NULLS LAST) AS interval_number
  FROM states
), live AS (
  SELECT
    numbered.apartment_id,
    numbered.currency,
    COALESCE(listing_places.place_id, 1) AS place_id,
    MIN(numbered.valid_from) AS night_from,
    MAX(numbered.valid_to) AS night_to
  FROM numbered
  LEFT JOIN intermediate_listing_places AS listing_places
    ON listing_places.apartment_id = numbered.apartment_id
  GROUP BY
    numbered.apartment_id,
    numbered.currency,
    COALESCE(listing_places.place_id, 1),
    numbered.interval_number
), placed /* most stays lie within one interval of their listing: they are booked nights of its place, and as many live ones of its currency */ AS (
  SELECT
    booked.apartment_id,
    booked.night_from,
    booked.night_to,
    booked.weight,
    live.place_id,
    live.currency
  FROM booked
  LEFT JOIN live
    ON live.apartment_id = booked.apartment_id
    AND live.night_from <= booked.night_from
    AND booked.night_to <= live.night_to
), others AS (
  SELECT
    apartment_id,
    night_from,
    night_to,
    weight
  FROM placed
  WHERE
    place_id IS NULL
), within /* months by their first day, found by arithmetic, which is faster than date_trunc */ AS (
  SELECT
    place_id,
    currency,
    night_from - CAST(DAY(night_from) - 1 AS INT) AS first_month,
    night_to - CAST(DAY(night_to) - 1 AS INT) AS end_month,
    SUM(weight) AS intervals_count,
    SUM(weight * (
      DAY(night_from) - 1
    )) AS first_days,
    SUM(weight * (
      DAY(night_to) - 1
    )) AS end_days
  FROM placed
  WHERE
    NOT place_id IS NULL
  GROUP BY
    place_id,
    currency,
    first_month,
    end_month
), intervals AS (
  SELECT
    place_id,
    currency,
    night_from,
    night_to,
    1 AS weight
  FROM live
  UNION ALL
  SELECT
    COALESCE(listing_places.place_id, 1) AS place_id,
    CAST(NULL AS STRING) AS currency,
    night_from,
    night_to,
    weight
  FROM others
  LEFT JOIN intermediate_listing_places AS listing_places
    ON listing_places.apartment_id = others.apartment_id
  UNION ALL
  SELECT
    live.place_id,
    live.currency,
    GREATEST(live.night_from, others.night_from) AS night_from,
    LEAST(live.night_to, others.night_to) AS night_to,
    -others.weight AS weight
  FROM others
  INNER JOIN live
    ON live.apartment_id = others.apartment_id
    AND live.night_from < others.night_to
    AND others.night_from < live.night_to
), spans AS (
  SELECT
    place_id,
    CAST(NULL AS STRING) AS currency,
    first_month,
    end_month,
    intervals_count,
    first_days,
    end_days
  FROM within
  UNION ALL
  SELECT
    place_id,
    currency,
    first_month,
    end_month,
    -intervals_count AS intervals_count,
    -first_days AS first_days,
    -end_days AS end_days
  FROM within
  UNION ALL
  SELECT
    place_id,
    currency,
    night_from - CAST(DAY(night_from) - 1 AS INT) AS first_month,
    night_to - CAST(DAY(night_to) - 1 AS INT) AS end_month,
    SUM(weight) AS intervals_count,
    SUM(weight * (
      DAY(night_from) - 1
    )) AS first_days,
    SUM(weight * (
      DAY(night_to) - 1
    )) AS end_days
  FROM intervals
  GROUP BY
    place_id,
    currency,
    first_month,
    end_month
), events /* what begins (and ends, negative) in a month, and how many of the month's nights lie before */ AS (
  SELECT
    place_id,
    currency,
    first_month AS month_start,
    intervals_count,
    first_days AS days_before
  FROM spans
  UNION ALL
  SELECT
    place_id,
    currency,
    end_month AS month_start,
    -intervals_count AS intervals_count,
    -end_days AS days_before
  FROM spans
), changes AS (
  SELECT
    place_id,
    currency,
    month_start,
    SUM(intervals_count) AS intervals_count,
    SUM(days_before) AS days_before
  FROM events
  GROUP BY
    place_id,
    currency,
    month_start
), running AS (
  SELECT
    place_id,
    currency,
    month_start,
    days_before,
    SUM(intervals_count) OVER (PARTITION BY place_id, currency ORDER BY month_start NULLS LAST) AS intervals_count,
    LEAD(month_start) OVER (PARTITION BY place_id, currency ORDER BY month_start NULLS LAST) AS next_month_start
  FROM changes
), months /* an interval holds all nights of its months but those before its first night, less those of its last month from its end on */ AS (
  SELECT
    place_id,
    currency,
    month_start AS change_month,
    intervals_count,
    days_before,
    EXPLODE(
      SEQUENCE(
        month_start,
        COALESCE(CAST(next_month_start - INTERVAL '1' MONTH AS DATE), month_start),
        INTERVAL '1' MONTH
      )
    ) AS month_start
  FROM running
), nights AS (
  SELECT
    place_id,
    currency,
    CAST(month_start AS DATE) AS month_start,
    intervals_count * DATEDIFF(DAY, CAST(month_start AS DATE), CAST(month_start + INTERVAL '1' MONTH AS DATE)) - CASE WHEN month_start = change_month THEN days_before ELSE 0 END AS nights_count
  FROM months
)
SELECT
  month_start,
  place_id,
  currency,
  CAST(CASE WHEN currency IS NULL THEN nights_count ELSE 0 END AS BIGINT) AS booked_nights,
  CAST(CASE WHEN currency IS NULL THEN 0 ELSE nights_count END AS BIGINT) AS free_nights
FROM nights
WHERE
  month_start BETWEEN CAST('1900-01-01' AS DATE) AND CAST('9000-12-31' AS DATE)
  AND nights_count <> 0
