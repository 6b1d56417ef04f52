/* question: which content does each version of a listing have? */
/* grain: id, effective_modified_at */
/* reads: merge.candidates, the valid rows of one key's versions, each with its place in the order (_seq, _part, _row) */
/* nulls: none decides; a row with a null key never gets here */
SELECT
  *
FROM (
  /* question: which content does each version of a listing have? */
  /* grain: id, effective_modified_at */
  /* reads: merge.candidates, the valid rows of one key's versions, each with its place in the order (_seq, _part, _row) */
  /* nulls: none decides; a row with a null key never gets here */
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY id, effective_modified_at, _seq ORDER BY _part DESC, _row DESC) AS _w
  FROM merge_candidates AS candidates
) AS _t
WHERE
  _w = 1
