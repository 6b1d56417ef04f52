-- question: which attributes of each listing are in force?
-- grain: id
-- reads: merge.candidates, the valid rows of one key's versions, each with its place in the order (_seq, _part, _row)
-- nulls: none decides; a row with a null key never gets here
select
  *
from merge.candidates
qualify row_number() over (partition by id, _seq order by _part desc, _row desc) = 1
