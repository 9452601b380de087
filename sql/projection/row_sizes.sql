-- How many bytes each table of rows takes, with its indexes.
SELECT
    pg_catalog.pg_total_relation_size('tasker_sidecar.step_rows'),
    pg_catalog.pg_total_relation_size('tasker_sidecar.task_rows'),
    pg_catalog.pg_total_relation_size('tasker_sidecar.dag_rows'),
    pg_catalog.pg_total_relation_size('tasker_sidecar.candidate_rows'),
    pg_catalog.pg_total_relation_size('tasker_sidecar.flushes')
