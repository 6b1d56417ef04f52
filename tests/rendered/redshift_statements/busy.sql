-- Another run writes: who it is, is asked.

begin;
select nspname from pg_namespace;
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'etl' and c.relkind = 'r' order by c.relname;
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'etl' and c.relkind = 'v' order by c.relname;
commit;
set statement_timeout to 300;
begin;
lock table etl.writer;
select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'etl' and c.relname = 'writer';
select pid, txn_owner, txn_start from svv_transactions where lockable_object_type = 'relation' and relation = OID and granted order by txn_start;
rollback;
