-- question: which views are in force?
-- grain: one row per view as delivered; a repeated view is a second view
-- reads: merge.candidates, the valid rows of the batches in force
-- nulls: is_wishlisted null counts as no
select
  *
from merge.candidates
