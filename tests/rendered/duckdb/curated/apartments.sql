-- question: what is each listing like now, and when was it deleted at the source?
-- grain: id
-- reads: merge.history (apartment_history), merge.retired (id, deleted_on)
-- nulls: deleted_on is null for a listing that is present
with latest as (
  select
    *
  from merge.history
  qualify row_number() over (partition by id order by effective_modified_at desc) = 1
)

select
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
from latest
left join merge.retired as retired
  on latest.id = retired.id
