-- question: which content does each version of a listing have?
-- grain: id, effective_modified_at
-- reads: merge.candidates, the valid rows of one key's versions, each with its place in the order (_seq, _part, _row)
-- nulls: none decides; a row with a null key never gets here
select
  *
from merge.candidates
qualify row_number() over (partition by id, effective_modified_at, _seq order by _part desc, _row desc) = 1
