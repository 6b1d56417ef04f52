/* question: what is each listing like now, and when was it deleted at the source? */
/* grain: id */
/* reads: merge.history (apartment_history), merge.retired (id, deleted_on) */
/* nulls: deleted_on is null for a listing that is present */
WITH latest AS (
  SELECT
    *
  FROM (
    SELECT
      *,
      ROW_NUMBER() OVER (PARTITION BY id ORDER BY effective_modified_at DESC) AS _w
    FROM merge_history AS history
  ) AS _t
  WHERE
    _w = 1
)
SELECT
  latest.id,
  latest.title,
  latest.source,
  latest.price,
  latest.currency,
  latest.listing_created_on,
  latest.is_active,
  latest.last_modified_timestamp,
  retired.deleted_on,
  latest._batch_id
FROM latest
LEFT JOIN merge_retired AS retired
  ON latest.id = retired.id
