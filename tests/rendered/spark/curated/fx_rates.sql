/* question: which rate of each currency and day is in force? */
/* grain: rate_date, currency */
/* reads: merge.candidates, the valid rows of one key's versions, each with its place in the order (_seq, _part, _row) */
/* nulls: none decides; a row with a null key never gets here */
SELECT
  *
FROM (
  /* question: which rate of each currency and day is in force? */
  /* grain: rate_date, currency */
  /* reads: merge.candidates, the valid rows of one key's versions, each with its place in the order (_seq, _part, _row) */
  /* nulls: none decides; a row with a null key never gets here */
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY rate_date, currency, _seq ORDER BY _part DESC, _row DESC) AS _w
  FROM merge_candidates AS candidates
) AS _t
WHERE
  _w = 1
