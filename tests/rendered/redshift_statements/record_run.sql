-- The first contact: schemas and ledger are made, then one row is kept.

begin;
select nspname from pg_namespace;
create schema "raw";
create schema "curated";
create schema "presentation";
create schema "etl";
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'etl' and c.relkind = 'r' order by c.relname;
create table "etl"."runs" ("run_id" character varying(65535), "command" character varying(65535), "as_of" date, "state" character varying(65535), "started_at" timestamp without time zone, "finished_at" timestamp without time zone, "seconds" double precision, "jobs" character varying(65535), "message" character varying(65535));
create table "etl"."batches" ("batch_id" bigint, "table_name" character varying(65535), "revision" bigint, "kind" character varying(65535), "day" date, "name" character varying(65535), "rows_read" bigint, "rows_landed" bigint, "rows_unreadable" bigint, "run_id" character varying(65535), "landed_at" timestamp without time zone, "loaded_at" timestamp without time zone, "in_raw" boolean);
create table "etl"."row_accounting" ("table_name" character varying(65535), "batch_id" bigint, "rows_read" bigint, "unreadable" bigint, "landed" bigint, "current_rows" bigint, "replaced" bigint, "repeated" bigint, "refused" bigint, "deleted" bigint);
create table "etl"."rule_results" ("publish_id" bigint, "table_name" character varying(65535), "rule" character varying(65535), "column_name" character varying(65535), "severity" character varying(65535), "rows" bigint, "batch_id" bigint);
create table "etl"."publishes" ("publish_id" bigint, "run_id" character varying(65535), "as_of" date, "published_at" timestamp without time zone, "inputs" character varying(65535));
create table "etl"."writer" ("note" character varying(65535));
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'etl' and c.relkind = 'v' order by c.relname;
create view etl.current_rule_results as select "publish_id", "table_name", "rule", "column_name", "severity", "rows", "batch_id" from etl.rule_results where publish_id = (select max(publish_id) from etl.publishes);
commit;
set statement_timeout to 300;
begin;
lock table etl.writer;
set statement_timeout to 0;
delete from etl.runs where run_id = 'run-1';
insert into etl.runs ("run_id", "command", "as_of", "state", "started_at", "finished_at", "seconds", "jobs", "message") values ('run-1', 'run', date '2024-01-21', 'running', timestamp '2024-01-22 00:00:00', null, null, '[{"name": "load", "seconds": 0.5, "counts": {"path": "C:\\\\data"}}]', 'it''s');
commit;
