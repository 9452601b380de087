-- Generated from sql/migrations and sql/functions by a test (go test ./sql/extension -update). Do not edit.
\echo Use "CREATE EXTENSION tasker_sidecar" to load this file. \quit

DO $install$
DECLARE
    tables      CONSTANT text[] := ARRAY['tasker_task_namespaces', 'tasker_named_tasks', 'tasker_named_steps', 'tasker_tasks', 'tasker_workflow_steps', 'tasker_workflow_step_edges', 'tasker_task_transitions', 'tasker_workflow_step_transitions'];
    wanted      CONSTANT text := nullif(pg_catalog.current_setting('tasker_sidecar.engine_schema', true), '');
    persistence CONSTANT text := CASE WHEN pg_catalog.current_setting('tasker_sidecar.logged', true) IN ('on', 'true', '1') THEN '' ELSE 'UNLOGGED ' END;
    complete    text[];
    engine      text;
    rules       CONSTANT text := pg_catalog.current_setting('tasker_sidecar.rules', true);
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM pg_advisory_xact_lock(8386110886241239041);
    complete := ARRAY(
        SELECT n.nspname::text
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = ANY (tables) AND c.relkind IN ('r', 'p') AND (n.nspname = wanted OR wanted IS NULL)
        GROUP BY n.nspname
        HAVING count(*) = cardinality(tables)
        ORDER BY n.nspname
    );
    IF cardinality(complete) = 0 THEN
        RAISE EXCEPTION '%', CASE WHEN wanted IS NULL THEN 'no schema of this database has the engine''s tables' ELSE format('schema %I has not all of the engine''s tables', wanted) END
            USING HINT = 'Run the engine''s migrations first, or SET tasker_sidecar.engine_schema to the right schema.';
    ELSIF cardinality(complete) > 1 THEN
        RAISE EXCEPTION 'the engine''s tables are in several schemas: %', array_to_string(complete, ', ')
            USING HINT = 'SET tasker_sidecar.engine_schema to the one that is meant.';
    END IF;
    engine := '"' || replace(complete[1], '"', '""') || '"';
    IF rules IS NULL OR rules NOT IN ('v01', 'v02') THEN
        RAISE EXCEPTION 'it is not said which rules the engine''s functions follow'
            USING HINT = 'SET tasker_sidecar.rules to v02, or to v01 for an engine before 1.0.5; tasker-sidecar doctor asks the functions.';
    END IF;

    -- 0001_tables
    EXECUTE replace(replace($source$-- The tables of the schema: what the sidecar knows, as rows, and what it and
-- its operators keep beside them.
--
-- The rows are written by the sidecar alone and can be had again from the
-- engine's tables at any time, so they are UNLOGGED unless that was asked for
-- otherwise: a crash of the server empties them, and the row of flushes that
-- vouches for them goes with them. What must outlive a crash is logged.
--
-- Whatever depends on the clock is stored as the instant at which it changes
-- and compared with the clock on reading: the rows are exact between two
-- writes. Instants of the engine are timestamps without a zone that hold UTC;
-- what is only compared with the clock has one, as the clock has.
--
-- No object here depends on one of the engine's, so that no migration of the
-- application meets us: not by a view on its tables, not by a foreign key.

CREATE SCHEMA tasker_sidecar;

COMMENT ON SCHEMA tasker_sidecar IS
    'What tasker-sidecar knows of the engine''s tasks, as rows. Belongs in nobody''s search_path; tasker-sidecar uninstall removes it.';

-- Whoever calls a function that answers from rows reads the settings; the rows
-- themselves are for those to whom they are granted.
GRANT USAGE ON SCHEMA tasker_sidecar TO PUBLIC;


-- Logged: what a crash must not set back.

CREATE TABLE tasker_sidecar.migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    applied_by text NOT NULL DEFAULT session_user
);

COMMENT ON TABLE tasker_sidecar.migrations IS 'The migrations that made this schema what it is, one row each.';
COMMENT ON COLUMN tasker_sidecar.migrations.version IS 'Its number; they are applied in this order and without a gap.';
COMMENT ON COLUMN tasker_sidecar.migrations.name IS 'Its name, as the file''s.';
COMMENT ON COLUMN tasker_sidecar.migrations.checksum IS 'SHA-256 of its source, in hexadecimal. A program whose source differs refuses to go on.';
COMMENT ON COLUMN tasker_sidecar.migrations.applied_at IS 'When it was applied.';
COMMENT ON COLUMN tasker_sidecar.migrations.applied_by IS 'The role of the session that applied it.';

GRANT SELECT ON tasker_sidecar.migrations TO PUBLIC;

CREATE TABLE tasker_sidecar.settings (
    role_name  text PRIMARY KEY,
    read_mode  text NOT NULL CONSTRAINT settings_read_mode_known CHECK (read_mode IN ('exact', 'wait', 'fast')),
    changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user
);

COMMENT ON TABLE tasker_sidecar.settings IS
    'Read modes for roles and for the database, for servers on which ALTER ROLE ... SET tasker_sidecar.read_mode needs rights that nobody has. Written by tasker-sidecar read-mode; holds no secret.';
COMMENT ON COLUMN tasker_sidecar.settings.role_name IS 'The role that it is for; empty: the whole database. A session''s own setting comes first, then its role''s row, then the database''s.';
COMMENT ON COLUMN tasker_sidecar.settings.read_mode IS 'exact: from the engine''s tables. wait: from rows, once they cover all that was committed before. fast: from rows that are not too old.';
COMMENT ON COLUMN tasker_sidecar.settings.changed_at IS 'When it was set.';
COMMENT ON COLUMN tasker_sidecar.settings.changed_by IS 'The role that set it.';

GRANT SELECT ON tasker_sidecar.settings TO PUBLIC;

-- Each transaction that writes rows first locks the only row, and so proves
-- that no other leader has come. It is written only when one does.
CREATE TABLE tasker_sidecar.leader (
    epoch   bigint NOT NULL CONSTRAINT leader_epoch_counts CHECK (epoch >= 0),
    holder  text NOT NULL,
    since   timestamp with time zone NOT NULL,
    one_row boolean PRIMARY KEY DEFAULT true CONSTRAINT leader_is_one CHECK (one_row)
);

COMMENT ON TABLE tasker_sidecar.leader IS 'Which sidecar may write rows, or was the last that might: one row.';
COMMENT ON COLUMN tasker_sidecar.leader.epoch IS 'Grows by one with each new leader; 0: there has not been one.';
COMMENT ON COLUMN tasker_sidecar.leader.holder IS 'The leader: host and process, or what its operator calls it.';
COMMENT ON COLUMN tasker_sidecar.leader.since IS 'When it became the leader.';
COMMENT ON COLUMN tasker_sidecar.leader.one_row IS 'True: there is one row.';

INSERT INTO tasker_sidecar.leader (epoch, holder, since)
VALUES (0, '', pg_catalog.clock_timestamp());


-- The rows. What is updated in place has room on its pages (fillfactor), so
-- that a new version needs no new entry in an index as long as no indexed
-- column changes; and it is vacuumed by the number of its changes, early,
-- rather than by a share of a table that only grows. The columns that are asked
-- for most come first, and of those the ones that are never NULL nor vary in
-- length: whatever stands before the last one asked for is looked at, too.

CREATE @persistence@ TABLE tasker_sidecar.step_rows (
    workflow_step_id        bigint PRIMARY KEY,
    task_id                 bigint NOT NULL,
    named_step_id           integer NOT NULL,
    total_parents           integer NOT NULL,
    completed_parents       integer NOT NULL,
    retry_limit             integer NOT NULL,
    dependencies_satisfied  boolean NOT NULL,
    retry_at                timestamp with time zone,
    ready_at                timestamp with time zone,
    last_failure_at         timestamp without time zone,
    next_retry_at           timestamp without time zone,
    last_attempted_at       timestamp without time zone,
    attempts                integer,
    backoff_request_seconds integer,
    current_state           text NOT NULL,
    name                    text,
    failure_until           timestamp without time zone,
    state_since             timestamp without time zone,
    processed_at            timestamp without time zone,
    created_at              timestamp without time zone,
    retryable               boolean NOT NULL,
    in_process              boolean NOT NULL,
    processed               boolean NOT NULL
)
WITH (
    fillfactor = 70,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX step_rows_of_task ON tasker_sidecar.step_rows (task_id);

COMMENT ON TABLE tasker_sidecar.step_rows IS 'What get_step_readiness_status answers about each step, with the instants at which the clock changes an answer, and what the reasons are told from. Written by the sidecar.';
COMMENT ON INDEX tasker_sidecar.step_rows_of_task IS 'The steps of a task.';
COMMENT ON COLUMN tasker_sidecar.step_rows.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.step_rows.retry_at IS 'From when on it is retry_eligible. -infinity: always; NULL: no clock will make it so.';
COMMENT ON COLUMN tasker_sidecar.step_rows.ready_at IS 'From when on it is ready_for_execution. -infinity: no backoff gates it; NULL: something else than the clock forbids it.';
COMMENT ON COLUMN tasker_sidecar.step_rows.last_failure_at IS 'When it failed, if that is the latest that happened to it.';
COMMENT ON COLUMN tasker_sidecar.step_rows.next_retry_at IS 'last_attempted_at + backoff_request_seconds where there are both, else failure_until.';
COMMENT ON COLUMN tasker_sidecar.step_rows.last_attempted_at IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.failure_until IS 'When the wait after its failure ends; NULL unless last_failure_at is there.';
COMMENT ON COLUMN tasker_sidecar.step_rows.state_since IS 'When it came into its state; NULL without a transition.';
COMMENT ON COLUMN tasker_sidecar.step_rows.processed_at IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.created_at IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.named_step_id IS 'Its named step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.total_parents IS 'Edges to it.';
COMMENT ON COLUMN tasker_sidecar.step_rows.completed_parents IS 'Those of them from steps that are complete or resolved_manually.';
COMMENT ON COLUMN tasker_sidecar.step_rows.attempts IS 'Attempts so far; NULL, which only the rules v01 leave standing, makes it not ready under them.';
COMMENT ON COLUMN tasker_sidecar.step_rows.retry_limit IS 'How many attempts it has.';
COMMENT ON COLUMN tasker_sidecar.step_rows.backoff_request_seconds IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.dependencies_satisfied IS 'Whether completed_parents = total_parents.';
COMMENT ON COLUMN tasker_sidecar.step_rows.retryable IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.in_process IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.processed IS 'As stored in the step.';
COMMENT ON COLUMN tasker_sidecar.step_rows.current_state IS 'The state of its most recent transition; pending without one.';
COMMENT ON COLUMN tasker_sidecar.step_rows.name IS 'The name of its named step. NULL: that is missing, and the engine''s functions have no row of the step.';

CREATE @persistence@ TABLE tasker_sidecar.task_rows (
    task_id           bigint PRIMARY KEY,
    total_steps       bigint NOT NULL,
    pending_steps     bigint NOT NULL,
    in_progress_steps bigint NOT NULL,
    completed_steps   bigint NOT NULL,
    failed_steps      bigint NOT NULL,
    exhausted_steps   bigint NOT NULL,
    ready_ungated     bigint NOT NULL,
    named_task_id     integer NOT NULL,
    status            text NOT NULL,
    ready_gates       timestamp with time zone[]
)
WITH (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

COMMENT ON TABLE tasker_sidecar.task_rows IS 'What get_task_execution_context answers about each task that is covered, with the instants at which its steps become ready. A task that has no row is not covered: only the engine''s tables tell of it. Written by the sidecar.';
COMMENT ON COLUMN tasker_sidecar.task_rows.task_id IS 'The task.';
COMMENT ON COLUMN tasker_sidecar.task_rows.total_steps IS 'Its steps.';
COMMENT ON COLUMN tasker_sidecar.task_rows.pending_steps IS 'Those pending.';
COMMENT ON COLUMN tasker_sidecar.task_rows.in_progress_steps IS 'Those in progress.';
COMMENT ON COLUMN tasker_sidecar.task_rows.completed_steps IS 'Those complete or resolved_manually.';
COMMENT ON COLUMN tasker_sidecar.task_rows.failed_steps IS 'Those in error.';
COMMENT ON COLUMN tasker_sidecar.task_rows.exhausted_steps IS 'Those in error without an attempt left.';
COMMENT ON COLUMN tasker_sidecar.task_rows.ready_ungated IS 'Those ready that no backoff gates.';
COMMENT ON COLUMN tasker_sidecar.task_rows.named_task_id IS 'Its named task.';
COMMENT ON COLUMN tasker_sidecar.task_rows.status IS 'The state of its most recent transition; pending without one.';
COMMENT ON COLUMN tasker_sidecar.task_rows.ready_gates IS 'When those become ready whom only a backoff keeps from it, ascending; NULL: there are none. Ready now are ready_ungated and those whose instant has come.';

CREATE @persistence@ TABLE tasker_sidecar.dag_rows (
    workflow_step_id    bigint PRIMARY KEY,
    task_id             bigint NOT NULL,
    parent_count        bigint NOT NULL,
    child_count         bigint NOT NULL,
    named_step_id       integer NOT NULL,
    min_depth_from_root integer,
    dependency_level    integer,
    is_root_step        boolean NOT NULL,
    is_leaf_step        boolean NOT NULL,
    parent_step_ids     jsonb NOT NULL,
    child_step_ids      jsonb NOT NULL
)
WITH (
    fillfactor = 90,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_threshold = 10000,
    autovacuum_analyze_scale_factor = 0.1,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX dag_rows_of_task ON tasker_sidecar.dag_rows (task_id);

COMMENT ON TABLE tasker_sidecar.dag_rows IS 'The place of each step in the graph: what tasker_step_dag_relationships and calculate_dependency_levels answer. Written by the sidecar when edges change.';
COMMENT ON INDEX tasker_sidecar.dag_rows_of_task IS 'The steps of a task.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.parent_count IS 'Edges to it.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.child_count IS 'Edges from it.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.named_step_id IS 'Its named step.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.min_depth_from_root IS 'The shortest path from a step without incoming edges, in whatever task; NULL: none, or longer than 50.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.dependency_level IS 'The longest path from a level-0 step of the task along edges inside it; NULL: none reaches it.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.is_root_step IS 'No edge leads to it.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.is_leaf_step IS 'No edge leads from it.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.parent_step_ids IS 'Where the edges to it come from, ascending, duplicates kept.';
COMMENT ON COLUMN tasker_sidecar.dag_rows.child_step_ids IS 'Where the edges from it lead, ascending, duplicates kept.';

-- A table of its own for the few steps that may run, in the order in which they
-- are handed out. Each row has all that a list of them shows: who asks for the
-- first hundred reads a hundred rows and joins nothing, and no view has to
-- reach into the engine's tables for the names.
CREATE @persistence@ TABLE tasker_sidecar.candidate_rows (
    workflow_step_id bigint PRIMARY KEY,
    task_id          bigint NOT NULL,
    ready_since      timestamp without time zone NOT NULL,
    attempts         integer NOT NULL,
    current_state    text NOT NULL,
    name             text NOT NULL,
    task_name        text,
    task_version     text,
    namespace_name   text
)
WITH (
    fillfactor = 90,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.1,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX candidate_rows_oldest_first ON tasker_sidecar.candidate_rows (ready_since, workflow_step_id);
CREATE INDEX candidate_rows_of_task ON tasker_sidecar.candidate_rows (task_id);

COMMENT ON TABLE tasker_sidecar.candidate_rows IS 'The steps that everything but the clock lets run. Those with ready_since <= now are ready. Written by the sidecar.';
COMMENT ON INDEX tasker_sidecar.candidate_rows_oldest_first IS 'The order in which they are ready.';
COMMENT ON INDEX tasker_sidecar.candidate_rows_of_task IS 'The candidates of a task, which go and come together.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.ready_since IS 'Since when, or from when on, it is ready. Later than its writing only where a backoff gates it (an event that another clock has put ahead counts as of the writing), so that this column alone tells whether it is ready now.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.attempts IS 'Attempts so far.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.current_state IS 'pending or error.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.name IS 'The name of its named step.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.task_name IS 'The name of its task''s named task; NULL: that is missing.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.task_version IS 'The version of its task''s named task; NULL: that is missing.';
COMMENT ON COLUMN tasker_sidecar.candidate_rows.namespace_name IS 'The namespace of its task''s named task; NULL: that is missing.';

-- Appended to and cut off at the old end. A single row that each flush updates
-- would leave a chain of versions that nobody may remove under somebody's open
-- transaction, and every reader would walk it.
CREATE @persistence@ TABLE tasker_sidecar.flushes (
    flush                 bigint PRIMARY KEY,
    as_of                 timestamp with time zone NOT NULL,
    writer_lock           bigint,
    reconciling           boolean NOT NULL,
    epoch                 bigint NOT NULL,
    system_identifier     bigint NOT NULL,
    applied_lsn           pg_lsn NOT NULL,
    total_tasks           bigint NOT NULL,
    pending_tasks         bigint NOT NULL,
    in_progress_tasks     bigint NOT NULL,
    complete_tasks        bigint NOT NULL,
    error_tasks           bigint NOT NULL,
    cancelled_tasks       bigint NOT NULL,
    total_steps           bigint NOT NULL,
    pending_steps         bigint NOT NULL,
    in_progress_steps     bigint NOT NULL,
    complete_steps        bigint NOT NULL,
    error_steps           bigint NOT NULL,
    retryable_error_steps bigint NOT NULL,
    exhausted_retry_steps bigint NOT NULL,
    in_backoff_steps      bigint NOT NULL,
    database              oid NOT NULL,
    timeline              integer NOT NULL,
    rules                 text NOT NULL CONSTRAINT flushes_rules_known CHECK (rules IN ('v01', 'v02')),
    slot_name             text,
    sidecar_version       text NOT NULL DEFAULT '',
    oldest_candidate      timestamp without time zone NOT NULL DEFAULT '-infinity'
)
WITH (
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_analyze_threshold = 5000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0
);

COMMENT ON TABLE tasker_sidecar.flushes IS 'What the rows reflect: the newest row vouches for them, and has their persistence. Written by the sidecar in the transaction that writes rows.';
COMMENT ON COLUMN tasker_sidecar.flushes.flush IS 'Its number; the highest counts.';
COMMENT ON COLUMN tasker_sidecar.flushes.epoch IS 'The epoch of the leader that wrote it. The rows count only while that is the leader''s.';
COMMENT ON COLUMN tasker_sidecar.flushes.system_identifier IS 'The server that it was written on, as pg_control_system() has it. In a copy of the database elsewhere the rows do not count.';
COMMENT ON COLUMN tasker_sidecar.flushes.applied_lsn IS 'The position in the log that the rows reflect: all that was committed before it, and nothing behind it.';
COMMENT ON COLUMN tasker_sidecar.flushes.as_of IS 'The newest time at which applied_lsn is known to have been the server''s own position.';
COMMENT ON COLUMN tasker_sidecar.flushes.oldest_candidate IS 'The first ready_since of candidate_rows, infinity where there is none. Whoever reads them in order begins here, behind the dead ones that somebody''s open transaction keeps.';
COMMENT ON COLUMN tasker_sidecar.flushes.total_tasks IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.pending_tasks IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.in_progress_tasks IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.complete_tasks IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.error_tasks IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.cancelled_tasks IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.total_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.pending_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.in_progress_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.complete_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.error_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.retryable_error_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.exhausted_retry_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.in_backoff_steps IS 'As get_system_health_counts_v01 has it.';
COMMENT ON COLUMN tasker_sidecar.flushes.database IS 'The database that it was written in. In a copy of another number the rows do not count.';
COMMENT ON COLUMN tasker_sidecar.flushes.timeline IS 'The timeline of the log that applied_lsn is a position in.';
COMMENT ON COLUMN tasker_sidecar.flushes.reconciling IS 'True: rows of an earlier leader are still being put right, and none counts.';
COMMENT ON COLUMN tasker_sidecar.flushes.rules IS 'The version of the engine''s rules by which the rows were made.';
COMMENT ON COLUMN tasker_sidecar.flushes.slot_name IS 'The writer''s replication slot. It is temporary, so that it is active as long as the writer lives; and the writer confirms a position there only when the rows reflect it, so that they cover an idle database without being written.';
COMMENT ON COLUMN tasker_sidecar.flushes.writer_lock IS 'The key, made by chance, of the advisory lock that the session has which wrote it. Who cannot have the lock knows that the writer lives, and that this is its database and not a copy.';
COMMENT ON COLUMN tasker_sidecar.flushes.sidecar_version IS 'The version of the writer''s program.';


-- Counters of answers. A reader writes nothing: each answer scans one of these
-- empty tables once, and the server's own statistics count the scans. They are
-- logged, so that they can be scanned on a standby, too.

CREATE TABLE tasker_sidecar.count_rows ();
COMMENT ON TABLE tasker_sidecar.count_rows IS 'Empty. Its sequential scans count the answers given from rows.';

CREATE TABLE tasker_sidecar.count_no_sidecar ();
COMMENT ON TABLE tasker_sidecar.count_no_sidecar IS 'Empty. Counts answers computed because no sidecar vouched for the rows: none runs, none leads, or they are another server''s.';

CREATE TABLE tasker_sidecar.count_reconciling ();
COMMENT ON TABLE tasker_sidecar.count_reconciling IS 'Empty. Counts answers computed because the rows were being put right after a start.';

CREATE TABLE tasker_sidecar.count_stale ();
COMMENT ON TABLE tasker_sidecar.count_stale IS 'Empty. Counts answers computed because the rows were older than tasker_sidecar.max_staleness.';

CREATE TABLE tasker_sidecar.count_timeout ();
COMMENT ON TABLE tasker_sidecar.count_timeout IS 'Empty. Counts answers computed because tasker_sidecar.wait_timeout passed before the rows covered what was committed.';

CREATE TABLE tasker_sidecar.count_not_covered ();
COMMENT ON TABLE tasker_sidecar.count_not_covered IS 'Empty. Counts answers computed because the task has no rows.';

CREATE TABLE tasker_sidecar.count_own_writes ();
COMMENT ON TABLE tasker_sidecar.count_own_writes IS 'Empty. Counts answers computed because the transaction had itself written something.';

CREATE TABLE tasker_sidecar.count_isolation ();
COMMENT ON TABLE tasker_sidecar.count_isolation IS 'Empty. Counts answers computed because the transaction was REPEATABLE READ or SERIALIZABLE.';

CREATE TABLE tasker_sidecar.count_standby ();
COMMENT ON TABLE tasker_sidecar.count_standby IS 'Empty. Counts answers computed because the server is a standby.';

CREATE TABLE tasker_sidecar.count_not_granted ();
COMMENT ON TABLE tasker_sidecar.count_not_granted IS 'Empty. Counts answers computed because the caller may not read the rows.';

GRANT SELECT ON
    tasker_sidecar.count_rows, tasker_sidecar.count_no_sidecar, tasker_sidecar.count_reconciling, tasker_sidecar.count_stale,
    tasker_sidecar.count_timeout, tasker_sidecar.count_not_covered, tasker_sidecar.count_own_writes, tasker_sidecar.count_isolation,
    tasker_sidecar.count_standby, tasker_sidecar.count_not_granted
TO PUBLIC;
$source$, '@engine@', engine), '@persistence@ ', persistence);
    INSERT INTO tasker_sidecar.migrations (version, name, checksum)
    VALUES (1, 'tables', 'd87c6a0cb7b7c43e260e28fe40c67e92544065e05aa9ed9a0a1f511071907a95');

    -- 0002_views
    EXECUTE replace(replace($source$-- Views for people over the rows of 0001, and two functions.
--
-- They are ordinary views over tables that the sidecar keeps right; nothing has
-- to be refreshed. Each says what holds at the moment of the question: the
-- clock of the transaction, read as UTC whatever the session's zone is.
--
-- Views run with the rights of their owner, so that a reader needs none on the
-- tables; the functions run with those of their caller.

-- Every reason of every step, done ones too, in the order in which the index
-- gives them: why() asks for some steps, blocked_steps for those not done.
CREATE VIEW tasker_sidecar.step_reasons AS
SELECT
    s.workflow_step_id,
    s.task_id,
    r.position,
    r.reason,
    r.since,
    r.until,
    r.detail
FROM tasker_sidecar.step_rows s
CROSS JOIN LATERAL (
    VALUES
        (1, 'dependencies_not_satisfied', NOT s.dependencies_satisfied, s.created_at, NULL::timestamp without time zone,
            pg_catalog.format('%s of %s parents are neither complete nor resolved_manually', s.total_parents - s.completed_parents, s.total_parents)),
        (2, 'no_named_step', s.name IS NULL, NULL, NULL,
            pg_catalog.format('its named step %s is missing', s.named_step_id)),
        (3, 'invalid_state', s.current_state NOT IN ('pending', 'error'), s.state_since, NULL,
            pg_catalog.format('its state is %s; only pending and error can run', s.current_state)),
        (4, 'attempts_unknown', s.attempts IS NULL, NULL, NULL,
            'attempts is NULL, which the rules v01 read as not ready'),
        (5, 'attempts_exhausted', s.attempts >= s.retry_limit, s.last_attempted_at, NULL,
            pg_catalog.format('%s of %s attempts are used', s.attempts, s.retry_limit)),
        (6, 'not_retryable', NOT s.retryable, NULL, NULL,
            'retryable is false, which bars a first run, too'),
        (7, 'in_process', s.in_process, NULL, NULL,
            'in_process is true'),
        (8, 'processed', s.processed, s.processed_at, NULL,
            'processed is true'),
        -- With both columns of a requested wait, next_retry_at is its end.
        (9, 'explicit_backoff',
            s.last_attempted_at IS NOT NULL AND s.backoff_request_seconds IS NOT NULL
                AND s.next_retry_at > pg_catalog.timezone('UTC', pg_catalog.now()),
            s.last_attempted_at, s.next_retry_at,
            pg_catalog.format('a wait of %s s was asked for, until %s', s.backoff_request_seconds, s.next_retry_at)),
        (10, 'failure_backoff', s.failure_until > pg_catalog.timezone('UTC', pg_catalog.now()), s.last_failure_at, s.failure_until,
            pg_catalog.format('the wait after its failure lasts until %s', s.failure_until))
) AS r (position, reason, holds, since, until, detail)
WHERE r.holds;

COMMENT ON VIEW tasker_sidecar.step_reasons IS 'Every reason why a step cannot run now, of every step; blocked_steps leaves out those that are done.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.position IS 'Where the reason stands among those of a step.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.reason IS 'The reason''s code.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.since IS 'When it began to hold, as far as the rows tell.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.until IS 'When it ends by the clock alone; NULL where only a change ends it.';
COMMENT ON COLUMN tasker_sidecar.step_reasons.detail IS 'The reason in plain words, with the values concerned.';

CREATE VIEW tasker_sidecar.ready_steps AS
SELECT
    c.workflow_step_id,
    c.task_id,
    c.name,
    c.task_name,
    c.task_version,
    c.namespace_name,
    c.current_state,
    c.attempts,
    c.ready_since
FROM tasker_sidecar.candidate_rows c
WHERE c.ready_since <= pg_catalog.timezone('UTC', pg_catalog.now())
    AND c.ready_since >= (SELECT f.oldest_candidate FROM tasker_sidecar.flushes f ORDER BY f.flush DESC LIMIT 1)
ORDER BY c.ready_since, c.workflow_step_id;

COMMENT ON VIEW tasker_sidecar.ready_steps IS 'All steps that can run now, longest ready first.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.name IS 'The step''s name.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.task_name IS 'The name that the task goes by.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.task_version IS 'The version of that named task.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.namespace_name IS 'The namespace of that named task.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.current_state IS 'pending or error.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.attempts IS 'Attempts so far.';
COMMENT ON COLUMN tasker_sidecar.ready_steps.ready_since IS 'Since when it is ready (UTC).';

CREATE VIEW tasker_sidecar.blocked_steps AS
SELECT
    s.workflow_step_id,
    s.task_id,
    s.name,
    s.current_state,
    r.reason,
    r.since,
    r.until,
    r.detail
FROM tasker_sidecar.step_rows s
JOIN tasker_sidecar.step_reasons r ON r.workflow_step_id = s.workflow_step_id
WHERE s.current_state NOT IN ('complete', 'resolved_manually');

COMMENT ON VIEW tasker_sidecar.blocked_steps IS 'The steps that are not done and cannot run now: one row for each reason of each.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.name IS 'The step''s name.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.current_state IS 'Its state.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.reason IS 'The reason''s code.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.since IS 'When it began to hold (UTC), as far as the rows tell.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.until IS 'When it ends by the clock alone (UTC); NULL where only a change ends it.';
COMMENT ON COLUMN tasker_sidecar.blocked_steps.detail IS 'The reason in plain words, with the values concerned.';

CREATE VIEW tasker_sidecar.step_readiness_status AS
SELECT
    s.workflow_step_id,
    s.task_id,
    s.named_step_id,
    s.name,
    s.current_state,
    s.dependencies_satisfied,
    coalesce(s.retry_at <= pg_catalog.now(), false) AS retry_eligible,
    coalesce(s.ready_at <= pg_catalog.now(), false) AS ready_for_execution,
    s.last_failure_at,
    s.next_retry_at,
    s.total_parents,
    s.completed_parents,
    s.attempts,
    s.retry_limit,
    s.backoff_request_seconds,
    s.last_attempted_at
FROM tasker_sidecar.step_rows s
WHERE s.name IS NOT NULL;

COMMENT ON VIEW tasker_sidecar.step_readiness_status IS 'What get_step_readiness_status answers, of all steps that are covered.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.named_step_id IS 'Its named step.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.name IS 'The step''s name.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.current_state IS 'Its state.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.dependencies_satisfied IS 'Whether all its parents are complete or resolved_manually.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.retry_eligible IS 'As the engine''s rules have it, v01 or v02.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.ready_for_execution IS 'Whether it can run now.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.last_failure_at IS 'When it failed, if that is the latest that happened to it.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.next_retry_at IS 'When its backoff ends, or ended.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.total_parents IS 'Edges to it.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.completed_parents IS 'Those of them from steps that are complete or resolved_manually.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.attempts IS 'Attempts so far.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.retry_limit IS 'How many attempts it has.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.backoff_request_seconds IS 'The wait that was asked for.';
COMMENT ON COLUMN tasker_sidecar.step_readiness_status.last_attempted_at IS 'The last attempt.';

-- width_bucket finds by binary search how many of the ascending instants have come.
CREATE VIEW tasker_sidecar.task_execution_contexts AS
SELECT
    t.task_id,
    t.named_task_id,
    t.status,
    t.total_steps,
    t.pending_steps,
    t.in_progress_steps,
    t.completed_steps,
    t.failed_steps,
    ready.steps AS ready_steps,
    CASE
        WHEN ready.steps > 0 THEN 'has_ready_steps'
        WHEN t.in_progress_steps > 0 THEN 'processing'
        WHEN t.exhausted_steps > 0 THEN 'blocked_by_failures'
        WHEN t.total_steps > 0 AND t.completed_steps = t.total_steps THEN 'all_complete'
        ELSE 'waiting_for_dependencies'
    END AS execution_status,
    CASE
        WHEN ready.steps > 0 THEN 'execute_ready_steps'
        WHEN t.in_progress_steps > 0 THEN 'wait_for_completion'
        WHEN t.exhausted_steps > 0 THEN 'handle_failures'
        WHEN t.total_steps > 0 AND t.completed_steps = t.total_steps THEN 'finalize_task'
        ELSE 'wait_for_dependencies'
    END AS recommended_action,
    CASE
        WHEN t.total_steps = 0 THEN 0.0
        WHEN t.completed_steps = 0 THEN 0.00
        WHEN t.completed_steps = t.total_steps THEN 100.00
        ELSE pg_catalog.round(100.0 * t.completed_steps / t.total_steps, 2)
    END AS completion_percentage,
    CASE
        WHEN t.failed_steps = 0 THEN 'healthy'
        WHEN t.exhausted_steps > 0 AND ready.steps = 0 THEN 'blocked'
        ELSE 'recovering'
    END AS health_status
FROM tasker_sidecar.task_rows t
CROSS JOIN LATERAL (
    SELECT t.ready_ungated
        + coalesce(pg_catalog.width_bucket(pg_catalog.now(), t.ready_gates), 0) AS steps
) ready;

COMMENT ON VIEW tasker_sidecar.task_execution_contexts IS 'What get_task_execution_context answers, of all tasks that are covered.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.task_id IS 'The task.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.named_task_id IS 'Its named task.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.status IS 'Its state.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.total_steps IS 'Its steps.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.pending_steps IS 'Those pending.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.in_progress_steps IS 'Those in progress.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.completed_steps IS 'Those complete or resolved_manually.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.failed_steps IS 'Those in error.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.ready_steps IS 'Those that can run now.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.execution_status IS 'What the counts add up to.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.recommended_action IS 'What to do about it.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.completion_percentage IS 'Completed steps of all, in percent.';
COMMENT ON COLUMN tasker_sidecar.task_execution_contexts.health_status IS 'healthy, recovering or blocked.';

CREATE VIEW tasker_sidecar.step_dag AS
SELECT
    d.workflow_step_id,
    d.task_id,
    d.named_step_id,
    d.parent_step_ids,
    d.child_step_ids,
    d.parent_count,
    d.child_count,
    d.is_root_step,
    d.is_leaf_step,
    d.min_depth_from_root,
    d.dependency_level
FROM tasker_sidecar.dag_rows d;

COMMENT ON VIEW tasker_sidecar.step_dag IS 'What tasker_step_dag_relationships and calculate_dependency_levels answer, of all steps that are covered.';
COMMENT ON COLUMN tasker_sidecar.step_dag.workflow_step_id IS 'The step.';
COMMENT ON COLUMN tasker_sidecar.step_dag.task_id IS 'Its task.';
COMMENT ON COLUMN tasker_sidecar.step_dag.named_step_id IS 'Its named step.';
COMMENT ON COLUMN tasker_sidecar.step_dag.parent_step_ids IS 'The steps that it waits for.';
COMMENT ON COLUMN tasker_sidecar.step_dag.child_step_ids IS 'The steps that wait for it.';
COMMENT ON COLUMN tasker_sidecar.step_dag.parent_count IS 'Edges to it.';
COMMENT ON COLUMN tasker_sidecar.step_dag.child_count IS 'Edges from it.';
COMMENT ON COLUMN tasker_sidecar.step_dag.is_root_step IS 'It waits for nothing.';
COMMENT ON COLUMN tasker_sidecar.step_dag.is_leaf_step IS 'Nothing waits for it.';
COMMENT ON COLUMN tasker_sidecar.step_dag.min_depth_from_root IS 'The shortest path from a root, in whatever task.';
COMMENT ON COLUMN tasker_sidecar.step_dag.dependency_level IS 'The longest path from a root of the task along edges inside it.';

-- A standby cannot read rows that are not logged, and neither can this view there.
CREATE VIEW tasker_sidecar.freshness AS
SELECT
    covered.lsn AS applied_lsn,
    pg_catalog.now() - f.as_of AS age,
    pg_catalog.pg_wal_lsn_diff(
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END,
        covered.lsn
    )::bigint AS bytes_behind,
    coalesce(slot.active AND f.epoch = l.epoch, false) AS alive,
    f.reconciling,
    f.rules,
    l.holder AS leader,
    l.epoch AS leader_epoch,
    l.since AS leader_since,
    f.sidecar_version,
    (SELECT pg_catalog.max(m.version) FROM tasker_sidecar.migrations m) AS schema_version,
    answers.from_rows AS answers_from_rows,
    answers.fallbacks
FROM tasker_sidecar.leader l
LEFT JOIN (
    SELECT newest.*
    FROM tasker_sidecar.flushes newest
    ORDER BY newest.flush DESC
    LIMIT 1
) f ON true
LEFT JOIN pg_catalog.pg_replication_slots slot
    ON slot.slot_name = f.slot_name::name AND slot.database = pg_catalog.current_database() AND slot.active
CROSS JOIN LATERAL (
    SELECT CASE WHEN slot.confirmed_flush_lsn > f.applied_lsn AND NOT f.reconciling AND f.epoch = l.epoch
        THEN slot.confirmed_flush_lsn
        ELSE f.applied_lsn
    END AS lsn
) covered
CROSS JOIN (
    SELECT
        coalesce(pg_catalog.sum(c.scans) FILTER (WHERE c.cause = 'rows'), 0)::bigint AS from_rows,
        coalesce(pg_catalog.jsonb_object_agg(c.cause, c.scans ORDER BY c.cause) FILTER (WHERE c.cause <> 'rows'), '{}') AS fallbacks
    FROM (
        SELECT pg_catalog.substr(relation.relname::text, 7) AS cause, pg_catalog.pg_stat_get_numscans(relation.oid) AS scans
        FROM pg_catalog.pg_class relation
        WHERE relation.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'tasker_sidecar')
            AND relation.relkind = 'r' AND relation.relname LIKE 'count\_%'
    ) c
) answers;

COMMENT ON VIEW tasker_sidecar.freshness IS 'What the rows reflect and how old that is, who writes them, and how many answers came from them: one row.';
COMMENT ON COLUMN tasker_sidecar.freshness.applied_lsn IS 'The position in the log up to which the rows reflect all that was committed; NULL: there are no rows.';
COMMENT ON COLUMN tasker_sidecar.freshness.age IS 'How long ago that was known to be the server''s own position.';
COMMENT ON COLUMN tasker_sidecar.freshness.bytes_behind IS 'How much log, of whatever kind, the server has written behind applied_lsn.';
COMMENT ON COLUMN tasker_sidecar.freshness.alive IS 'Whether the sidecar that wrote the rows is connected, and leads.';
COMMENT ON COLUMN tasker_sidecar.freshness.reconciling IS 'Whether rows of an earlier leader are still being put right, so that none counts.';
COMMENT ON COLUMN tasker_sidecar.freshness.rules IS 'The version of the engine''s rules by which the rows were made.';
COMMENT ON COLUMN tasker_sidecar.freshness.leader IS 'The sidecar that may write; empty: there has not been one.';
COMMENT ON COLUMN tasker_sidecar.freshness.leader_epoch IS 'Its epoch.';
COMMENT ON COLUMN tasker_sidecar.freshness.leader_since IS 'When it became the leader.';
COMMENT ON COLUMN tasker_sidecar.freshness.sidecar_version IS 'The version of its program.';
COMMENT ON COLUMN tasker_sidecar.freshness.schema_version IS 'The newest migration of this schema.';
COMMENT ON COLUMN tasker_sidecar.freshness.answers_from_rows IS 'Answers of the drop-in functions that came from rows, since the server''s statistics were reset.';
COMMENT ON COLUMN tasker_sidecar.freshness.fallbacks IS 'Answers that were computed from the engine''s tables although rows were asked for, by cause.';

-- The end of the last record before a position. pg_current_wal_insert_lsn() lies
-- behind the header of a page that is about to begin, where no commit ends: an
-- idle server would wait there for what never comes.
CREATE FUNCTION tasker_sidecar.end_of_record(lsn pg_lsn)
RETURNS pg_lsn
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT lsn - CASE
        WHEN mod(lsn - '0/0'::pg_lsn, current_setting('wal_block_size')::numeric) = 24 THEN 24::numeric
        WHEN mod(lsn - '0/0'::pg_lsn, pg_size_bytes(current_setting('wal_segment_size'))::numeric) = 40 THEN 40
        ELSE 0
    END
$function$;

COMMENT ON FUNCTION tasker_sidecar.end_of_record(pg_lsn) IS 'The end of the last record of the log before a position that pg_current_wal_insert_lsn() gave.';

-- Whether the rows cover the log up to a position, waiting for it if need be.
--
-- Covered is what the newest flush reflects. A flush itself writes to the log,
-- so on an idle database that is never its newest position; there the writer's
-- slot tells, which it moves only over what the rows reflect. The slot is read
-- as it is now, the rows as of a statement's beginning: the caller's next
-- statement sees what is covered, not the same one, and in a transaction with
-- one snapshot for all statements only the flush that the snapshot holds
-- counts. The slot lives as long as the writer is connected, so nobody waits
-- for a dead one.
CREATE FUNCTION tasker_sidecar.wait_for_lsn(target pg_lsn, timeout interval)
RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    started       CONSTANT timestamp with time zone := clock_timestamp();
    awaited       CONSTANT pg_lsn := tasker_sidecar.end_of_record(target);
    one_snapshot  CONSTANT boolean := current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
    pause         double precision := 0.001;
    newest        record;
BEGIN
    -- Not touched before this is known: a standby cannot read what is not logged.
    IF pg_is_in_recovery() THEN
        RETURN false;
    END IF;
    LOOP
        SELECT f.applied_lsn, f.reconciling, slot.confirmed_flush_lsn
        INTO newest
        FROM (
            SELECT flush.*
            FROM tasker_sidecar.flushes flush
            ORDER BY flush.flush DESC
            LIMIT 1
        ) f
        JOIN tasker_sidecar.leader l ON l.epoch = f.epoch
        JOIN pg_replication_slots slot
            ON slot.slot_name = f.slot_name::name AND slot.database = current_database() AND slot.active;
        IF NOT found THEN
            RETURN false;
        END IF;
        IF NOT newest.reconciling
            AND (newest.applied_lsn >= awaited OR newest.confirmed_flush_lsn >= awaited AND NOT one_snapshot)
        THEN
            RETURN true;
        END IF;
        -- A difference of times cannot overflow as their sum with a huge timeout can.
        IF one_snapshot OR clock_timestamp() - started >= timeout THEN
            RETURN false;
        END IF;
        PERFORM pg_sleep(pause);
        pause := least(pause * 1.5, 0.01);
    END LOOP;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.wait_for_lsn(pg_lsn, interval) IS
    'Waits until the rows reflect the log up to the position, as pg_current_wal_insert_lsn() gives it, and says whether they do. False at once where no sidecar is there to wait for; a timeout of zero or less asks without waiting; NULL gives NULL. The next statement sees the rows.';

-- Why a step cannot run: its reasons, and those of all the steps that it waits
-- for, nearest first, at most 500 of them.
--
-- Ancestors are looked for level by level, each once, so that neither diamonds
-- nor cycles hurt. What then waits for nothing any more is taken away, step by
-- step (Kahn); among the rest, which is there only where a cycle is, those on
-- a cycle are the ones that reach themselves.
--
-- Each level is small and its statement the same: to plan it anew for each
-- array of ids would take ten times as long as to answer. OFFSET 0 makes what is
-- looked up for a step a look-up, where the planner, who takes every list for a
-- hundred steps long, would read all of a table.
CREATE FUNCTION tasker_sidecar.why(step_id bigint)
RETURNS TABLE (
    depth            integer,
    workflow_step_id bigint,
    task_id          bigint,
    name             text,
    current_state    text,
    reason           text,
    since            timestamp without time zone,
    until            timestamp without time zone,
    detail           text,
    chain            bigint[],
    root_cause       boolean,
    on_cycle         boolean
)
LANGUAGE plpgsql STABLE STRICT
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
#variable_conflict use_column
DECLARE
    most       CONSTANT integer := 500;
    ids        bigint[] := ARRAY[step_id];
    depths     integer[] := ARRAY[0];
    chains     text[] := ARRAY[step_id::text];
    first      integer := 1; -- of the last level found, by its place in ids
    last       integer := 1;
    more       boolean := false;
    ancestor   record;
    waiting    integer[]; -- edges between the ancestors: who waits, by place
    awaited    integer[]; -- and for whom, ascending
    edges_from integer[]; -- the first edge of each that is awaited
    waits      integer[]; -- for how many each waits
    roots      boolean[] := '{}';
    free       integer[] := '{}';
    taken      integer := 0;
    edge       integer;
    cyclic     integer[] := '{}';
BEGIN
    WHILE first <= last AND NOT more LOOP
        FOR ancestor IN
            SELECT DISTINCT ON (e.parent) e.parent, e.place
            FROM (
                SELECT
                    p.id::bigint AS parent,
                    child.place,
                    s.current_state NOT IN ('complete', 'resolved_manually') AS undone,
                    -- A parent without a row can be what a step waits for only
                    -- when the others do not account for all that is missing.
                    waits.total_parents - waits.completed_parents
                        > count(*) FILTER (WHERE s.current_state NOT IN ('complete', 'resolved_manually')) OVER (PARTITION BY child.place) AS unexplained
                FROM unnest(ids[first:last]) WITH ORDINALITY AS child (id, place)
                JOIN tasker_sidecar.step_rows waits ON waits.workflow_step_id = child.id
                JOIN tasker_sidecar.dag_rows d ON d.workflow_step_id = child.id
                CROSS JOIN LATERAL jsonb_array_elements_text(d.parent_step_ids) AS p (id)
                LEFT JOIN LATERAL (
                    SELECT step.current_state
                    FROM tasker_sidecar.step_rows step
                    WHERE step.workflow_step_id = p.id::bigint
                    OFFSET 0
                ) s ON true
            ) e
            WHERE coalesce(e.undone, e.unexplained) AND e.parent <> ALL (ids)
            ORDER BY e.parent, e.place
        LOOP
            more := cardinality(ids) > most;
            EXIT WHEN more;
            ids := ids || ancestor.parent;
            depths := depths || depths[first] + 1;
            chains := chains || (chains[first + ancestor.place::integer - 1] || ',' || ancestor.parent);
        END LOOP;
        first := last + 1;
        last := cardinality(ids);
    END LOOP;

    SELECT coalesce(array_agg(e.waiting ORDER BY e.awaited), '{}'), coalesce(array_agg(e.awaited ORDER BY e.awaited), '{}')
    INTO waiting, awaited
    FROM (
        SELECT DISTINCT child.place::integer AS waiting, parent.place::integer AS awaited
        FROM unnest(ids) WITH ORDINALITY AS child (id, place)
        JOIN tasker_sidecar.dag_rows d ON d.workflow_step_id = child.id
        CROSS JOIN LATERAL jsonb_array_elements_text(d.parent_step_ids) AS p (id)
        JOIN unnest(ids) WITH ORDINALITY AS parent (id, place) ON parent.id = p.id::bigint
        LEFT JOIN tasker_sidecar.step_rows s ON s.workflow_step_id = parent.id
        WHERE s.current_state IS NULL OR s.current_state NOT IN ('complete', 'resolved_manually')
    ) e;

    waits := array_fill(0, ARRAY[cardinality(ids)]);
    edges_from := waits;
    FOR i IN 1 .. cardinality(waiting) LOOP
        waits[waiting[i]] := waits[waiting[i]] + 1;
        IF edges_from[awaited[i]] = 0 THEN
            edges_from[awaited[i]] := i;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(ids) LOOP
        roots[i] := waits[i] = 0;
        IF roots[i] THEN
            free := free || i;
        END IF;
    END LOOP;
    WHILE taken < cardinality(free) LOOP
        taken := taken + 1;
        edge := edges_from[free[taken]];
        WHILE edge > 0 AND awaited[edge] = free[taken] LOOP
            waits[waiting[edge]] := waits[waiting[edge]] - 1;
            IF waits[waiting[edge]] = 0 THEN
                free := free || waiting[edge];
            END IF;
            edge := edge + 1;
        END LOOP;
    END LOOP;
    IF taken < cardinality(ids) THEN
        cyclic := ARRAY(
            WITH RECURSIVE edges AS (
                SELECT e.waiting, e.awaited
                FROM unnest(waiting, awaited) AS e (waiting, awaited)
                WHERE waits[e.waiting] > 0 AND waits[e.awaited] > 0
            ), reach (origin, reached) AS (
                SELECT e.waiting, e.awaited
                FROM edges e
                UNION
                SELECT r.origin, e.awaited
                FROM reach r
                JOIN edges e ON e.waiting = r.reached
            )
            SELECT r.origin
            FROM reach r
            WHERE r.origin = r.reached
        );
    END IF;

    RETURN QUERY
    SELECT
        a.depth,
        a.id,
        s.task_id,
        s.name,
        s.current_state,
        r.reason,
        r.since,
        r.until,
        CASE
            WHEN r.detail IS NOT NULL THEN r.detail
            WHEN s.workflow_step_id IS NULL AND a.depth = 0 THEN 'no row tells of it: there is no such step, or its task is not covered'
            WHEN s.workflow_step_id IS NULL THEN 'no row tells of it: the step is missing, or its task is not covered'
            WHEN s.current_state = 'in_progress' THEN 'it is in progress'
            ELSE 'nothing keeps it from running'
        END,
        ('{' || a.chain || '}')::bigint[],
        a.root OR a.place = ANY (cyclic),
        a.place = ANY (cyclic)
    FROM unnest(ids, depths, chains, roots) WITH ORDINALITY AS a (id, depth, chain, root, place)
    LEFT JOIN tasker_sidecar.step_rows s ON s.workflow_step_id = a.id
    -- Of a step that another waits for, being in progress is no obstacle.
    LEFT JOIN LATERAL (
        SELECT of_step.position, of_step.reason, of_step.since, of_step.until, of_step.detail
        FROM tasker_sidecar.step_reasons of_step
        WHERE of_step.workflow_step_id = s.workflow_step_id
        OFFSET 0
    ) r ON a.depth = 0 OR s.current_state <> 'in_progress'
    ORDER BY a.depth, a.id, r.position;

    IF more THEN
        RETURN QUERY
        SELECT NULL::integer, NULL::bigint, NULL::bigint, NULL::text, NULL::text, NULL::text,
            NULL::timestamp without time zone, NULL::timestamp without time zone,
            format('and more: only the nearest %s steps that it waits for are told', most),
            NULL::bigint[], NULL::boolean, NULL::boolean;
    END IF;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.why(bigint) IS
    'Why a step cannot run: one row for each reason, its own first (depth 0), then those of the steps that it waits for, nearest first, each with the chain that leads to it. A root cause waits for nothing itself, or lies on a cycle. A row without a reason says that nothing keeps that step from running, that it is in progress, or that no row tells of it.';
$source$, '@engine@', engine), '@persistence@ ', persistence);
    INSERT INTO tasker_sidecar.migrations (version, name, checksum)
    VALUES (2, 'views', 'd4fccec9928920d87f44a88456f5132db22649bbd45a9ec2477adf73aa58fbb0');

    -- 0003_read_modes
    EXECUTE replace(replace($source$-- Where a drop-in function takes its answer from.
--
-- exact   from the engine's tables, in the caller's snapshot; nothing here is asked
-- fast    from rows, when they are young enough; in the caller's snapshot, too
-- wait    from rows, once they reflect all that was committed before the call
--
-- Rows answer only if all of this holds, and an answer that may not come from
-- rows is computed instead, and counted by its cause:
--
--  - the newest flush vouches for them: it is not reconciling, and somebody has
--    the advisory lock, or who waits the slot, that it names. Both are gone with
--    the writer and have names made by chance, so that they tell this database
--    from any copy of it, be it made in place, restored, promoted or set back in
--    time, and a living writer from a dead one
--  - each task that is asked about has rows
--  - the transaction sees what others commit, has not written anything itself,
--    and is not on a standby, which cannot read rows that are not logged: they
--    are named in statements that are not even planned there
--
-- The functions are for the drop-ins alone and run with their callers' rights.

-- Tells a session once what is wrong with one of its settings.
CREATE FUNCTION tasker_sidecar.warn(setting text, value text, valid text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF current_setting('tasker_sidecar.warned', true) = 'yes' THEN
        RETURN;
    END IF;
    PERFORM set_config('tasker_sidecar.warned', 'yes', false);
    RAISE WARNING '%', format('%s is "%s", which means nothing; answers are exact', setting, value)
        USING HINT = valid;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.warn(text, text, text) IS 'For the drop-in functions: one WARNING a session.';

-- The session's own setting, or its role's row, or the database's, or exact.
CREATE FUNCTION tasker_sidecar.read_mode()
RETURNS text
LANGUAGE plpgsql STABLE
AS $function$
DECLARE
    mode pg_catalog.text := pg_catalog.current_setting('tasker_sidecar.read_mode', true);
BEGIN
    IF mode OPERATOR(pg_catalog.=) 'exact' OR mode OPERATOR(pg_catalog.=) 'fast' OR mode OPERATOR(pg_catalog.=) 'wait' THEN
        RETURN mode;
    END IF;
    IF mode OPERATOR(pg_catalog.<>) '' THEN
        PERFORM tasker_sidecar.warn('tasker_sidecar.read_mode', mode, 'Valid are exact, wait and fast.');
        RETURN 'exact';
    END IF;
    SELECT s.read_mode INTO mode
    FROM tasker_sidecar.settings s
    WHERE s.role_name OPERATOR(pg_catalog.=) CURRENT_USER::pg_catalog.text OR s.role_name OPERATOR(pg_catalog.=) ''
    ORDER BY s.role_name OPERATOR(pg_catalog.=) ''
    LIMIT 1;
    RETURN coalesce(mode, 'exact');
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.read_mode() IS 'For the drop-in functions: where this session''s answers come from; exact, wait or fast.';

-- The seconds that a setting says: a number of milliseconds, or one with a unit.
-- NULL: it says something else, of which the session is told.
CREATE FUNCTION tasker_sidecar.seconds(setting text, otherwise double precision)
RETURNS double precision
LANGUAGE plpgsql STABLE
AS $function$
DECLARE
    value    pg_catalog.text := pg_catalog.current_setting(setting, true);
    parts    pg_catalog.text[];
    duration double precision;
BEGIN
    IF value IS NULL OR value OPERATOR(pg_catalog.=) '' THEN
        RETURN otherwise;
    END IF;
    -- Not \d, which where ICU sorts are digits that no number is read from.
    parts := pg_catalog.regexp_match(value, '^\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*(us|ms|s|min|h|d|)\s*$');
    duration := parts[1]::double precision OPERATOR(pg_catalog.*) CASE
        WHEN parts[2] OPERATOR(pg_catalog.=) 'us' THEN 0.000001
        WHEN parts[2] OPERATOR(pg_catalog.=) 's' THEN 1
        WHEN parts[2] OPERATOR(pg_catalog.=) 'min' THEN 60
        WHEN parts[2] OPERATOR(pg_catalog.=) 'h' THEN 3600
        WHEN parts[2] OPERATOR(pg_catalog.=) 'd' THEN 86400
        ELSE 0.001
    END::double precision;
    IF duration IS NULL OR duration OPERATOR(pg_catalog.>) 31536000 THEN
        PERFORM tasker_sidecar.warn(setting, value,
            'Valid are a number of milliseconds, or a number with one of the units us, ms, s, min, h, d; at most 365 d.');
        RETURN NULL;
    END IF;
    RETURN duration;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.seconds(text, double precision) IS 'For the drop-in functions: a setting that is a duration, in seconds.';

-- Counts an answer, by scanning the table that is named for its cause.
CREATE FUNCTION tasker_sidecar.count_answer(cause text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    CASE cause
        WHEN 'rows' THEN PERFORM FROM tasker_sidecar.count_rows;
        WHEN 'no_sidecar' THEN PERFORM FROM tasker_sidecar.count_no_sidecar;
        WHEN 'reconciling' THEN PERFORM FROM tasker_sidecar.count_reconciling;
        WHEN 'stale' THEN PERFORM FROM tasker_sidecar.count_stale;
        WHEN 'timeout' THEN PERFORM FROM tasker_sidecar.count_timeout;
        WHEN 'not_covered' THEN PERFORM FROM tasker_sidecar.count_not_covered;
        WHEN 'own_writes' THEN PERFORM FROM tasker_sidecar.count_own_writes;
        WHEN 'isolation' THEN PERFORM FROM tasker_sidecar.count_isolation;
        WHEN 'standby' THEN PERFORM FROM tasker_sidecar.count_standby;
        ELSE PERFORM FROM tasker_sidecar.count_not_granted;
    END CASE;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.count_answer(text) IS 'For the drop-in functions: counts an answer.';

-- Why this transaction may not be answered from rows, whoever vouches for them;
-- NULL: it may.
CREATE FUNCTION tasker_sidecar.refusal()
RETURNS text
LANGUAGE plpgsql STABLE
AS $function$
BEGIN
    RETURN CASE
        WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
        WHEN pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed'
            AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read uncommitted' -- the same, by another name
            THEN 'isolation'
        WHEN pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN 'own_writes'
        -- All that a drop-in reads: with a part of it granted, none must fail.
        WHEN NOT pg_catalog.has_table_privilege('tasker_sidecar.flushes', 'SELECT')
            OR NOT pg_catalog.has_table_privilege('tasker_sidecar.task_rows', 'SELECT')
            OR NOT pg_catalog.has_table_privilege('tasker_sidecar.step_readiness_status', 'SELECT')
            OR NOT pg_catalog.has_table_privilege('tasker_sidecar.task_execution_contexts', 'SELECT')
            OR NOT pg_catalog.has_table_privilege('tasker_sidecar.step_dag', 'SELECT') THEN 'not_granted'
    END;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.refusal() IS 'For the drop-in functions: why this transaction gets exact answers; NULL when it need not.';

-- Whether rows are vouched for and young enough; when not, an answer is counted.
-- Both, what vouches and what is vouched for, are read in the caller's snapshot.
--
-- This is most of what a small answer from rows costs beside its rows. So it is
-- one statement that takes no parameter, and is planned once a session: with one
-- the planner would find, each time anew, that it could do a little better.
CREATE FUNCTION tasker_sidecar.fast()
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $function$
DECLARE
    cause       pg_catalog.text := tasker_sidecar.refusal();
    reconciling boolean;
    as_of       timestamp with time zone;
    alive       boolean;
BEGIN
    IF cause IS NULL THEN
        SELECT
            newest.reconciling,
            newest.as_of,
            NOT pg_catalog.pg_try_advisory_xact_lock_shared(newest.writer_lock)
        INTO reconciling, as_of, alive
        FROM tasker_sidecar.flushes newest
        ORDER BY newest.flush DESC
        LIMIT 1;
        IF NOT coalesce(alive, false) THEN -- NULL: there has never been a flush
            cause := 'no_sidecar';
        ELSIF reconciling THEN
            cause := 'reconciling';
        ELSIF NOT coalesce(
            pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) as_of)
                OPERATOR(pg_catalog.<=) tasker_sidecar.seconds('tasker_sidecar.max_staleness', 1),
            false
        ) THEN
            cause := 'stale';
        ELSE
            RETURN true;
        END IF;
    END IF;
    PERFORM tasker_sidecar.count_answer(cause);
    RETURN false;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.fast() IS 'For the drop-in functions: whether rows count in read mode fast.';

-- Whether there are rows of each task, which is for fast() to ask next; the answer
-- is counted by that. Whoever has found a row of the one task that he asks about
-- need not ask: a task has rows of all kinds or of none. The ids are hidden from
-- the planner, so that it plans once.
CREATE FUNCTION tasker_sidecar.covered(task_ids bigint[])
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $function$
DECLARE
    answers boolean := true;
BEGIN
    IF pg_catalog.cardinality(task_ids) OPERATOR(pg_catalog.=) 1 THEN
        SELECT EXISTS (
            SELECT
            FROM tasker_sidecar.task_rows r
            WHERE r.task_id OPERATOR(pg_catalog.=) (SELECT task_ids[1])
        )
        INTO answers;
    ELSIF pg_catalog.cardinality(task_ids) OPERATOR(pg_catalog.>) 1 THEN
        SELECT (
            SELECT pg_catalog.count(*)
            FROM tasker_sidecar.task_rows r
            WHERE r.task_id OPERATOR(pg_catalog.=) ANY ((SELECT task_ids)::bigint[])
        ) OPERATOR(pg_catalog.=) (
            SELECT pg_catalog.count(DISTINCT asked)
            FROM pg_catalog.unnest((SELECT task_ids)) asked
        )
        INTO answers;
    END IF;
    PERFORM tasker_sidecar.count_answer(CASE WHEN answers THEN 'rows' ELSE 'not_covered' END);
    RETURN answers;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.covered(bigint[]) IS 'For the drop-in functions: whether there are rows of all these tasks, in read mode fast.';

-- Waits until the rows reflect all that was committed before, and says whether
-- they do. It is VOLATILE, so that each of its statements sees what has been
-- written since, and so must be whoever reads the rows afterwards.
--
-- What was committed before lies below the insert position: the flush position
-- would miss commits that did not wait to be flushed, and are seen all the same.
CREATE FUNCTION tasker_sidecar.await()
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    cause   text := tasker_sidecar.refusal();
    target  pg_lsn;
    longest double precision;
    started timestamp with time zone;
    pause   double precision := 0.0005;
    newest  record;
BEGIN
    IF cause IS NULL THEN
        target := tasker_sidecar.end_of_record(pg_current_wal_insert_lsn());
        longest := tasker_sidecar.seconds('tasker_sidecar.wait_timeout', 0.2);
        started := clock_timestamp();
        IF longest IS NULL THEN
            cause := 'timeout'; -- one that means nothing: not even rows that cover the call count
        END IF;
    END IF;
    WHILE cause IS NULL LOOP
        SELECT f.reconciling, f.applied_lsn, f.as_of, slot.confirmed_flush_lsn
        INTO newest
        FROM (
            SELECT flush.reconciling, flush.applied_lsn, flush.as_of, flush.slot_name
            FROM tasker_sidecar.flushes flush
            ORDER BY flush.flush DESC
            LIMIT 1
        ) f
        JOIN pg_get_replication_slots() slot ON slot.slot_name = f.slot_name::name AND slot.active
        JOIN pg_database d
            ON d.oid = slot.datoid AND d.datname = current_database();
        IF NOT found THEN
            cause := 'no_sidecar';
        ELSIF newest.reconciling THEN
            cause := 'reconciling';
        ELSIF newest.applied_lsn >= target OR newest.confirmed_flush_lsn >= target THEN
            RETURN true;
        ELSIF date_part('epoch', clock_timestamp() - started) >= longest THEN
            cause := 'timeout';
        ELSIF date_part('epoch', started - newest.as_of) > 3 THEN
            cause := 'stale'; -- nothing has come for long; it is no use to wait
        ELSE
            PERFORM pg_sleep(pause);
            pause := least(pause * 1.5::double precision, 0.01::double precision);
        END IF;
    END LOOP;
    PERFORM tasker_sidecar.count_answer(cause);
    RETURN false;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.await() IS 'For the drop-in functions: waits until rows answer in read mode wait, and says whether they do.';

-- Whether the rows that a statement sees are vouched for and there for each task,
-- after await(): between the two everything may have changed.
CREATE FUNCTION tasker_sidecar.waited(task_ids bigint[])
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce((
        SELECT NOT f.reconciling
        FROM tasker_sidecar.flushes f
        ORDER BY f.flush DESC
        LIMIT 1
    ), false) AND (
        (SELECT count(*) FROM tasker_sidecar.task_rows r WHERE r.task_id = ANY (task_ids))
        = (SELECT count(DISTINCT id) FROM unnest(task_ids) id)
    )
$function$;

COMMENT ON FUNCTION tasker_sidecar.waited(bigint[]) IS 'For the drop-in functions: whether the rows of this snapshot count.';

-- The rows that answer in read mode wait, each kind as one array, NULL when they
-- do not count. What a VOLATILE function called by a STABLE one reads is not in
-- the snapshot of that one's caller, so it has to bring the rows, too.

CREATE FUNCTION tasker_sidecar.await_steps(task_ids bigint[], step_ids bigint[])
RETURNS tasker_sidecar.step_readiness_status[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    rows tasker_sidecar.step_readiness_status[];
BEGIN
    IF NOT tasker_sidecar.await() THEN
        RETURN NULL;
    END IF;
    SELECT CASE WHEN tasker_sidecar.waited(task_ids) THEN coalesce((
        SELECT array_agg(v)
        FROM tasker_sidecar.step_readiness_status v
        WHERE v.task_id = ANY (task_ids) AND (step_ids IS NULL OR v.workflow_step_id = ANY (step_ids))
    ), '{}') END
    INTO rows;
    PERFORM tasker_sidecar.count_answer(CASE WHEN rows IS NULL THEN 'not_covered' ELSE 'rows' END);
    RETURN rows;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.await_steps(bigint[], bigint[]) IS 'For the drop-in functions: rows of step_readiness_status in read mode wait; NULL: they do not count.';

CREATE FUNCTION tasker_sidecar.await_contexts(task_ids bigint[])
RETURNS tasker_sidecar.task_execution_contexts[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    rows tasker_sidecar.task_execution_contexts[];
BEGIN
    IF NOT tasker_sidecar.await() THEN
        RETURN NULL;
    END IF;
    SELECT CASE WHEN tasker_sidecar.waited(task_ids) THEN coalesce((
        SELECT array_agg(v)
        FROM tasker_sidecar.task_execution_contexts v
        WHERE v.task_id = ANY (task_ids)
    ), '{}') END
    INTO rows;
    PERFORM tasker_sidecar.count_answer(CASE WHEN rows IS NULL THEN 'not_covered' ELSE 'rows' END);
    RETURN rows;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.await_contexts(bigint[]) IS 'For the drop-in functions: rows of task_execution_contexts in read mode wait; NULL: they do not count.';

CREATE FUNCTION tasker_sidecar.await_dag(task_ids bigint[])
RETURNS tasker_sidecar.step_dag[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    rows tasker_sidecar.step_dag[];
BEGIN
    IF NOT tasker_sidecar.await() THEN
        RETURN NULL;
    END IF;
    SELECT CASE WHEN tasker_sidecar.waited(task_ids) THEN coalesce((
        SELECT array_agg(v)
        FROM tasker_sidecar.step_dag v
        WHERE v.task_id = ANY (task_ids)
    ), '{}') END
    INTO rows;
    PERFORM tasker_sidecar.count_answer(CASE WHEN rows IS NULL THEN 'not_covered' ELSE 'rows' END);
    RETURN rows;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.await_dag(bigint[]) IS 'For the drop-in functions: rows of step_dag in read mode wait; NULL: they do not count.';

CREATE FUNCTION tasker_sidecar.await_flush()
RETURNS tasker_sidecar.flushes
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    newest tasker_sidecar.flushes;
BEGIN
    IF NOT tasker_sidecar.await() THEN
        RETURN NULL;
    END IF;
    SELECT f.* INTO newest
    FROM tasker_sidecar.flushes f
    ORDER BY f.flush DESC
    LIMIT 1;
    IF newest.reconciling THEN
        newest := NULL;
    END IF;
    PERFORM tasker_sidecar.count_answer(CASE WHEN newest.flush IS NULL THEN 'reconciling' ELSE 'rows' END);
    RETURN newest;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.await_flush() IS 'For the drop-in functions: the newest flush in read mode wait; all NULL: it does not count.';
$source$, '@engine@', engine), '@persistence@ ', persistence);
    INSERT INTO tasker_sidecar.migrations (version, name, checksum)
    VALUES (3, 'read_modes', 'db7b4768dbbe42dafd2496d6a10d02d0f9d1599e36afcc74cb126debda6bf530');

    -- 0004_maintenance
    EXECUTE replace(replace($source$-- What the maintenance services keep: what each has done, which of them may not
-- go on, and which tasks were announced. All of it is logged: a crash of the
-- server must neither let a service go on that was stopped, nor take away the
-- account of what was written to the engine's tables.

CREATE TABLE tasker_sidecar.maintenance_services (
    service    text PRIMARY KEY,
    state      text NOT NULL CONSTRAINT maintenance_services_state_known CHECK (state IN ('running', 'paused', 'stopped')),
    reason     text NOT NULL,
    changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user
);

COMMENT ON TABLE tasker_sidecar.maintenance_services IS
    'Whether the maintenance services may act; one that has no row may. Written by tasker-sidecar maintenance pause and resume, and by a service that stops itself.';
COMMENT ON COLUMN tasker_sidecar.maintenance_services.service IS 'retrier, enqueuer, rescuer, finalizer or canceller.';
COMMENT ON COLUMN tasker_sidecar.maintenance_services.state IS 'running; paused: by an operator; stopped: by itself, because its budget was spent.';
COMMENT ON COLUMN tasker_sidecar.maintenance_services.reason IS 'Why, in words.';
COMMENT ON COLUMN tasker_sidecar.maintenance_services.changed_at IS 'When it was set.';
COMMENT ON COLUMN tasker_sidecar.maintenance_services.changed_by IS 'The role that set it.';

CREATE TABLE tasker_sidecar.maintenance_acts (
    act              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acted_at         timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    service          text NOT NULL,
    task_id          bigint NOT NULL,
    workflow_step_id bigint,
    from_state       text NOT NULL,
    to_state         text NOT NULL,
    transition_id    bigint,
    announced        boolean NOT NULL,
    reason           text NOT NULL,
    epoch            bigint NOT NULL
);

CREATE INDEX maintenance_acts_by_time ON tasker_sidecar.maintenance_acts (acted_at);

COMMENT ON TABLE tasker_sidecar.maintenance_acts IS 'Every act of a maintenance service, written in the transaction that did it.';
COMMENT ON INDEX tasker_sidecar.maintenance_acts_by_time IS 'The latest acts, and those that have been kept long enough.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.act IS 'Its number; there are gaps.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.acted_at IS 'When it was done.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.service IS 'Which service did it.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.task_id IS 'The task.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.workflow_step_id IS 'The step; NULL: it was about the task itself.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.from_state IS 'The state before.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.to_state IS 'The state afterwards; the same where a pending task was announced.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.transition_id IS 'The transition that was written; NULL: none was.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.announced IS 'Whether the task was announced.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.reason IS 'Why, in words.';
COMMENT ON COLUMN tasker_sidecar.maintenance_acts.epoch IS 'Of the leader that did it.';

CREATE TABLE tasker_sidecar.maintenance_announcements (
    task_id            bigint PRIMARY KEY,
    task_transition_id bigint NOT NULL,
    step_transition_id bigint NOT NULL,
    announced_at       timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

COMMENT ON TABLE tasker_sidecar.maintenance_announcements IS
    'Which tasks were announced in which state, the last time: none is announced twice in the same. Whoever listens and was away finds here what it has missed.';
COMMENT ON COLUMN tasker_sidecar.maintenance_announcements.task_id IS 'The task.';
COMMENT ON COLUMN tasker_sidecar.maintenance_announcements.task_transition_id IS 'Its most recent transition then; 0: it had none.';
COMMENT ON COLUMN tasker_sidecar.maintenance_announcements.step_transition_id IS 'The highest id of its steps'' transitions then; 0: they had none.';
COMMENT ON COLUMN tasker_sidecar.maintenance_announcements.announced_at IS 'When.';
$source$, '@engine@', engine), '@persistence@ ', persistence);
    INSERT INTO tasker_sidecar.migrations (version, name, checksum)
    VALUES (4, 'maintenance', '0a3fe5ee68608dacaac11c15a09bd281b738ee4ff618b8be685f492aab10311c');

    -- 0005_events
    EXECUTE replace(replace($source$-- Up to where a consumer of events with a name has been told everything.
--
-- Identifiers of transitions say nothing of that: they are drawn before the
-- commit, so that one with a lower number can be committed later. What does is
-- which transactions were at an end: every row of a transaction before the
-- horizon had been committed, and told, when the row here was written.
--
-- Logged: a crash must not make it forgotten.

CREATE TABLE tasker_sidecar.event_consumers (
    consumer   text PRIMARY KEY CONSTRAINT event_consumers_named CHECK (consumer <> ''),
    horizon    bigint NOT NULL CONSTRAINT event_consumers_horizon_counts CHECK (horizon > 0),
    cluster    text NOT NULL,
    changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user
)
WITH (fillfactor = 50);

COMMENT ON TABLE tasker_sidecar.event_consumers IS 'Up to where each consumer of events (tasker-sidecar events --follow --consumer) has been told everything. A row may be deleted: the consumer then begins anew, at the present.';
COMMENT ON COLUMN tasker_sidecar.event_consumers.consumer IS 'What the consumer calls itself.';
COMMENT ON COLUMN tasker_sidecar.event_consumers.horizon IS 'The oldest transaction that was not at an end: whatever older ones have committed has been told. With its epoch (xid8).';
COMMENT ON COLUMN tasker_sidecar.event_consumers.cluster IS 'The system identifier of the cluster whose transactions are meant: a copy made by pg_dump has other ones.';
COMMENT ON COLUMN tasker_sidecar.event_consumers.changed_at IS 'When it was written.';
COMMENT ON COLUMN tasker_sidecar.event_consumers.changed_by IS 'The role of the session that wrote it.';
$source$, '@engine@', engine), '@persistence@ ', persistence);
    INSERT INTO tasker_sidecar.migrations (version, name, checksum)
    VALUES (5, 'events', '3c61311538da72954a1a5efde514728eac555bd68dc6e028fd6d2e9bceef190f');

    -- 0006_configuration
    EXECUTE replace(replace($source$-- Options of sidecars that operators change in the database: each change is a
-- row, and none is ever altered, so that what was in force at any time can be
-- told and brought back. (How the drop-in functions answer a role is something
-- else, and in the table settings.)
--
-- Changes are made one transaction at a time, under an advisory lock that is
-- taken before a number is drawn: so the order of the numbers is the order in
-- which changes came to be in force, and who checks a change against all the
-- others under the lock has seen all of them.

CREATE TABLE tasker_sidecar.configuration_changes (
    change     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL CONSTRAINT configuration_changes_named CHECK (key <> ''),
    scope      text NOT NULL DEFAULT '',
    old_value  jsonb,
    value      jsonb,
    reason     text NOT NULL DEFAULT '',
    asked_by   text NOT NULL DEFAULT '',
    changed_at timestamp with time zone NOT NULL DEFAULT pg_catalog.statement_timestamp(),
    changed_by text NOT NULL DEFAULT session_user
);

CREATE INDEX configuration_changes_latest ON tasker_sidecar.configuration_changes (key, scope, change DESC);

COMMENT ON TABLE tasker_sidecar.configuration_changes IS
    'Every change of an option of sidecars in the database, by tasker-sidecar config set, unset and rollback, or PATCH /v1/config?persist=true. Rows are added and never altered; the latest of a key and scope is in force.';
COMMENT ON INDEX tasker_sidecar.configuration_changes_latest IS 'What is in force.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.change IS 'Its number, in the order in which changes came to be in force; there are gaps.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.key IS 'The option, as docs/configuration.md names it.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.scope IS 'The workflows and steps that it is for; empty: all.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.old_value IS 'What was in force before; NULL: nothing.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.value IS 'What is in force since; NULL: nothing any more, so that other sources say it.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.reason IS 'Why, in words; empty: nobody said.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.asked_by IS 'Who wanted it: the name of a token, or the user of a machine; empty: nobody said.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.changed_at IS 'When it was made; the same for all that were made together.';
COMMENT ON COLUMN tasker_sidecar.configuration_changes.changed_by IS 'The role of the session that made it.';

CREATE VIEW tasker_sidecar.configuration AS
SELECT c.key, c.scope, c.value, c.change, c.changed_at, c.changed_by, c.asked_by, c.reason
FROM (
    SELECT DISTINCT ON (l.key, l.scope) l.key, l.scope, l.value, l.change, l.changed_at, l.changed_by, l.asked_by, l.reason
    FROM tasker_sidecar.configuration_changes l
    ORDER BY l.key, l.scope, l.change DESC
) c
WHERE c.value IS NOT NULL;

COMMENT ON VIEW tasker_sidecar.configuration IS 'The options of sidecars that the database says, and who said them.';
COMMENT ON COLUMN tasker_sidecar.configuration.key IS 'The option, as docs/configuration.md names it.';
COMMENT ON COLUMN tasker_sidecar.configuration.scope IS 'The workflows and steps that it is for; empty: all.';
COMMENT ON COLUMN tasker_sidecar.configuration.value IS 'Its value.';
COMMENT ON COLUMN tasker_sidecar.configuration.change IS 'The change that set it.';
COMMENT ON COLUMN tasker_sidecar.configuration.changed_at IS 'When it was set.';
COMMENT ON COLUMN tasker_sidecar.configuration.changed_by IS 'The role of the session that set it.';
COMMENT ON COLUMN tasker_sidecar.configuration.asked_by IS 'Who wanted it.';
COMMENT ON COLUMN tasker_sidecar.configuration.reason IS 'Why.';

-- Whatever sidecar reads this database goes by it; there are no secrets in it.
GRANT SELECT ON tasker_sidecar.configuration TO PUBLIC;

CREATE FUNCTION tasker_sidecar.lock_configuration()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(8386110886241239043);
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.lock_configuration() IS 'Lets one transaction at a time change the configuration, from before its first change has a number.';

CREATE TRIGGER one_at_a_time BEFORE INSERT ON tasker_sidecar.configuration_changes
FOR EACH STATEMENT EXECUTE FUNCTION tasker_sidecar.lock_configuration();

CREATE FUNCTION tasker_sidecar.note_old_value()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    NEW.old_value = (
        SELECT c.value
        FROM tasker_sidecar.configuration_changes c
        WHERE c.key = NEW.key AND c.scope = NEW.scope
        ORDER BY c.change DESC
        LIMIT 1
    );
    RETURN NEW;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.note_old_value() IS 'Notes with a change what was in force before it.';

CREATE TRIGGER old_value BEFORE INSERT ON tasker_sidecar.configuration_changes
FOR EACH ROW EXECUTE FUNCTION tasker_sidecar.note_old_value();

CREATE FUNCTION tasker_sidecar.tell_of_configuration()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM pg_notify('tasker_sidecar_configuration', '');
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION tasker_sidecar.tell_of_configuration() IS 'Tells running sidecars that the configuration has changed.';

CREATE TRIGGER tell AFTER INSERT ON tasker_sidecar.configuration_changes
FOR EACH STATEMENT EXECUTE FUNCTION tasker_sidecar.tell_of_configuration();
$source$, '@engine@', engine), '@persistence@ ', persistence);
    INSERT INTO tasker_sidecar.migrations (version, name, checksum)
    VALUES (6, 'configuration', '1b41f41c86a1e1b770e40a8cc99e2cfdada3294da7446150634cc093c563f6fd');

    -- schema tasker_sidecar_compat
    EXECUTE replace(replace($source$CREATE SCHEMA tasker_sidecar_compat;

COMMENT ON SCHEMA tasker_sidecar_compat IS
    'What a tasker engine asks its database, answered by tasker-sidecar: put this schema before the engine''s in an application''s search_path, and take it out to go back. Nothing else is ever put here.';

GRANT USAGE ON SCHEMA tasker_sidecar_compat TO PUBLIC$source$, '@engine@', engine), '@persistence@ ', persistence);

    -- calculate_dependency_levels
    EXECUTE replace(replace($source$-- Linear in the task's edges, and it ends on every graph.
--
-- Steps are numbered by their place in the task. One statement reads all edges
-- into the task's steps, by look-ups and with one plan for all tasks, for the
-- reasons that parts/steps.sql gives. Then, in arrays, a step is done with once
-- all edges into it have been followed (Kahn's algorithm). Steps are taken in the
-- order in which they were found, so levels never fall, and the last edge into a
-- step comes from its highest parent.
--
-- Edges that no path from a root takes must not keep a step waiting: those from
-- steps whose parents are all in other tasks, and what is only behind them, are
-- taken off first. If steps are left over in the end, there is a loop; then
-- edges from everything that no root reaches are taken off, and it is done once
-- more. What is left over then lies on a loop that a root reaches, or behind one.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.calculate_dependency_levels(input_task_id bigint)
RETURNS TABLE (workflow_step_id bigint, dependency_level integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    ids        bigint[];  -- of the task's steps, ascending: their places number them
    children   integer[]; -- of each edge into one of them: the step it leads to,
    parents    integer[]; -- and the step it comes from, 0 being another task's; a step without edges is here once, with NULL
    steps      integer;
    next_edge  integer[]; -- of each edge: another one from the same step, 0 for none
    first_edge integer[]; -- of each step: an edge from it
    incoming   integer[]; -- of each step: how many edges come from steps of the task,
    waits      integer[]; -- and how many of those have not yet been followed
    levels     integer[];
    roots      integer[] := '{}';
    dead       integer[] := '{}'; -- steps that no root reaches, as far as they begin a path
    outside    boolean   := false; -- an edge comes from another task
    reached    boolean[];
    queue      integer[];
    filled     integer;
    taken      integer;
    settled    integer;
    level      integer;
    waiting    integer;
    parent     integer;
    child      integer;
    edge       integer;
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.step_dag[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF tasker_sidecar.fast() THEN
                RETURN QUERY
                SELECT v.workflow_step_id, v.dependency_level
                FROM tasker_sidecar.step_dag v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND v.dependency_level IS NOT NULL
                ORDER BY v.dependency_level, v.workflow_step_id;
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                ELSIF tasker_sidecar.covered(ARRAY[input_task_id]) THEN
                    RETURN;
                END IF;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_dag(ARRAY[input_task_id]);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY
                SELECT v.workflow_step_id, v.dependency_level
                FROM pg_catalog.unnest(found_rows) v
                WHERE v.dependency_level IS NOT NULL
                ORDER BY v.dependency_level, v.workflow_step_id;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    SELECT
        task.ids,
        ARRAY(SELECT pg_catalog.width_bucket(u.id, task.ids) FROM pg_catalog.unnest(task.children) AS u (id)),
        ARRAY(
            SELECT CASE
                WHEN u.id IS NULL THEN NULL
                WHEN task.ids[pg_catalog.width_bucket(u.id, task.ids)] OPERATOR(pg_catalog.=) u.id THEN pg_catalog.width_bucket(u.id, task.ids)
                ELSE 0
            END
            FROM pg_catalog.unnest(task.parents) AS u (id)
        )
    INTO ids, children, parents
    FROM (
        SELECT
            pg_catalog.array_agg(DISTINCT s.workflow_step_id) AS ids,
            pg_catalog.array_agg(s.workflow_step_id) AS children,
            pg_catalog.array_agg(e.from_step_id) AS parents
        FROM @engine@.tasker_workflow_steps s
        LEFT JOIN LATERAL (
            SELECT of_step.from_step_id
            FROM @engine@.tasker_workflow_step_edges of_step
            WHERE of_step.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            OFFSET 0
        ) e ON true
        WHERE s.task_id OPERATOR(pg_catalog.=) (SELECT input_task_id)
    ) task;
    IF ids IS NULL THEN
        RETURN;
    END IF;

    steps := pg_catalog.cardinality(ids);
    incoming := pg_catalog.array_fill(0, ARRAY[steps]);
    levels := pg_catalog.array_fill(NULL::integer, ARRAY[steps]);
    first_edge := incoming;
    next_edge := parents;
    FOR i IN 1 .. pg_catalog.cardinality(parents) LOOP
        parent := parents[i];
        child := children[i];
        IF parent OPERATOR(pg_catalog.>) 0 THEN
            incoming[child] := incoming[child] OPERATOR(pg_catalog.+) 1;
            next_edge[i] := first_edge[parent];
            first_edge[parent] := i;
        ELSIF parent IS NULL THEN
            roots := pg_catalog.array_append(roots, child);
            levels[child] := 0;
        ELSE
            outside := true;
        END IF;
    END LOOP;
    IF outside THEN
        FOR i IN 1 .. steps LOOP
            IF incoming[i] OPERATOR(pg_catalog.=) 0 AND levels[i] IS NULL THEN
                dead := pg_catalog.array_append(dead, i);
            END IF;
        END LOOP;
    END IF;

    FOR attempt IN 1 .. 2 LOOP
        waits := incoming;
        settled := 0;
        FOR pass IN 1 .. 2 LOOP
            IF pass OPERATOR(pg_catalog.=) 1 THEN
                CONTINUE WHEN pg_catalog.cardinality(dead) OPERATOR(pg_catalog.=) 0;
                queue := dead;
                FOREACH child IN ARRAY dead LOOP
                    waits[child] := 0; -- so that none is found a second time
                END LOOP;
            ELSE
                queue := roots;
            END IF;
            filled := pg_catalog.cardinality(queue);
            taken := 0;
            WHILE taken OPERATOR(pg_catalog.<) filled LOOP
                taken := taken OPERATOR(pg_catalog.+) 1;
                parent := queue[taken];
                edge := first_edge[parent];
                CONTINUE WHEN edge OPERATOR(pg_catalog.=) 0;
                level := levels[parent] OPERATOR(pg_catalog.+) 1; -- NULL for the dead
                WHILE edge OPERATOR(pg_catalog.>) 0 LOOP
                    child := children[edge];
                    waiting := waits[child] OPERATOR(pg_catalog.-) 1;
                    waits[child] := waiting;
                    IF waiting OPERATOR(pg_catalog.=) 0 THEN
                        levels[child] := level;
                        filled := filled OPERATOR(pg_catalog.+) 1;
                        queue[filled] := child;
                    END IF;
                    edge := next_edge[edge];
                END LOOP;
            END LOOP;
            settled := settled OPERATOR(pg_catalog.+) filled;
        END LOOP;
        EXIT WHEN settled OPERATOR(pg_catalog.=) steps OR attempt OPERATOR(pg_catalog.=) 2;

        reached := pg_catalog.array_fill(false, ARRAY[steps]);
        queue := roots;
        FOREACH child IN ARRAY roots LOOP
            reached[child] := true;
        END LOOP;
        filled := pg_catalog.cardinality(queue);
        taken := 0;
        WHILE taken OPERATOR(pg_catalog.<) filled LOOP
            taken := taken OPERATOR(pg_catalog.+) 1;
            edge := first_edge[queue[taken]];
            WHILE edge OPERATOR(pg_catalog.>) 0 LOOP
                child := children[edge];
                IF NOT reached[child] THEN
                    reached[child] := true;
                    filled := filled OPERATOR(pg_catalog.+) 1;
                    queue[filled] := child;
                END IF;
                edge := next_edge[edge];
            END LOOP;
        END LOOP;
        dead := '{}';
        FOR i IN 1 .. steps LOOP
            IF NOT reached[i] THEN
                dead := pg_catalog.array_append(dead, i);
            END IF;
        END LOOP;
    END LOOP;

    RETURN QUERY
    SELECT u.id, u.level
    FROM ROWS FROM (pg_catalog.unnest(ids), pg_catalog.unnest(levels)) AS u (id, level)
    WHERE u.level IS NOT NULL
    ORDER BY u.level, u.id;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    -- get_analytics_metrics_v01
    EXECUTE replace(replace($source$-- The period's steps and their states are read once instead of three times, and
-- names in use are found from the few named tasks instead of from all tasks.
--
-- Durations are averaged where all three times are finite: the difference of
-- infinite ones is an error in some versions of Postgres, and infinity in others.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_analytics_metrics_v01(since_timestamp timestamp with time zone DEFAULT NULL)
RETURNS TABLE (
    active_tasks_count      bigint,
    total_namespaces_count  bigint,
    unique_task_types_count bigint,
    system_health_score     numeric,
    task_throughput         bigint,
    completion_count        bigint,
    error_count             bigint,
    completion_rate         numeric,
    error_rate              numeric,
    avg_task_duration       numeric,
    avg_step_duration       numeric,
    step_throughput         bigint,
    analysis_period_start   timestamp with time zone,
    calculated_at           timestamp with time zone
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    period_start timestamp with time zone := coalesce(since_timestamp, pg_catalog.now() OPERATOR(pg_catalog.-) interval '1 hour');
    since        timestamp without time zone := period_start AT TIME ZONE 'UTC';
    last_hour    timestamp without time zone := (pg_catalog.now() OPERATOR(pg_catalog.-) interval '1 hour') AT TIME ZONE 'UTC';
BEGIN
    RETURN QUERY
    SELECT
        active.tasks,
        in_use.namespaces,
        in_use.task_types,
        CASE
            WHEN (health.complete OPERATOR(pg_catalog.+) health.error) OPERATOR(pg_catalog.=) 0 THEN 1.0
            ELSE pg_catalog.round(health.complete::numeric OPERATOR(pg_catalog./) (health.complete OPERATOR(pg_catalog.+) health.error), 3)
        END,
        period.tasks,
        period.complete,
        period.error,
        CASE
            WHEN period.tasks OPERATOR(pg_catalog.=) 0 THEN 0.0
            ELSE pg_catalog.round((100.0 OPERATOR(pg_catalog.*) period.complete) OPERATOR(pg_catalog./) period.tasks, 2)
        END,
        CASE
            WHEN period.tasks OPERATOR(pg_catalog.=) 0 THEN 0.0
            ELSE pg_catalog.round((100.0 OPERATOR(pg_catalog.*) period.error) OPERATOR(pg_catalog./) period.tasks, 2)
        END,
        coalesce(pg_catalog.round(period.task_seconds, 3), 0),
        coalesce(pg_catalog.round(period.step_seconds, 3), 0),
        period.steps,
        period_start,
        pg_catalog.now()
    FROM (
        SELECT pg_catalog.count(DISTINCT t.task_id) AS tasks
        FROM @engine@.tasker_tasks t
        JOIN @engine@.tasker_workflow_steps s
            ON s.task_id OPERATOR(pg_catalog.=) t.task_id
        JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            AND latest.most_recent
        WHERE latest.to_state OPERATOR(pg_catalog.<>) ALL ('{complete,error,skipped,resolved_manually}'::pg_catalog.text[])
    ) active
    CROSS JOIN (
        SELECT
            pg_catalog.count(DISTINCT ns.name) AS namespaces,
            pg_catalog.count(DISTINCT nt.name) AS task_types
        FROM @engine@.tasker_named_tasks nt
        LEFT JOIN @engine@.tasker_task_namespaces ns
            ON ns.task_namespace_id OPERATOR(pg_catalog.=) nt.task_namespace_id
        WHERE (
            SELECT true
            FROM @engine@.tasker_tasks t
            WHERE t.named_task_id OPERATOR(pg_catalog.=) nt.named_task_id
            LIMIT 1
        )
    ) in_use
    CROSS JOIN (
        SELECT
            pg_catalog.count(DISTINCT t.task_id) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(DISTINCT t.task_id) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'error') AS error
        FROM @engine@.tasker_tasks t
        JOIN @engine@.tasker_workflow_steps s
            ON s.task_id OPERATOR(pg_catalog.=) t.task_id
        JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            AND latest.most_recent
        WHERE t.created_at OPERATOR(pg_catalog.>) last_hour
    ) health
    CROSS JOIN (
        SELECT
            pg_catalog.count(DISTINCT f.task_id) AS tasks,
            pg_catalog.count(DISTINCT f.task_id) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(DISTINCT f.task_id) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.count(f.workflow_step_id) AS steps,
            pg_catalog.avg(CASE WHEN f.timed THEN extract(epoch FROM f.completed_at OPERATOR(pg_catalog.-) f.task_created_at) END) AS task_seconds,
            pg_catalog.avg(CASE WHEN f.timed THEN extract(epoch FROM f.completed_at OPERATOR(pg_catalog.-) f.step_created_at) END) AS step_seconds
        FROM (
            SELECT
                t.task_id,
                s.workflow_step_id,
                latest.to_state,
                latest.created_at AS completed_at,
                t.created_at AS task_created_at,
                s.created_at AS step_created_at,
                latest.to_state OPERATOR(pg_catalog.=) 'complete'
                    AND pg_catalog.isfinite(latest.created_at)
                    AND pg_catalog.isfinite(t.created_at)
                    AND pg_catalog.isfinite(s.created_at) AS timed
            FROM @engine@.tasker_tasks t
            LEFT JOIN @engine@.tasker_workflow_steps s
                ON s.task_id OPERATOR(pg_catalog.=) t.task_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions latest
                ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND latest.most_recent
            WHERE t.created_at OPERATOR(pg_catalog.>) since
        ) f
    ) period;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    -- get_slowest_steps_v01
    EXECUTE replace(replace($source$-- Complete steps by how long they took, longest first. A NULL limit is none, and
-- a negative one is the error that it is in any query. Steps of which a time is
-- infinite took no time that could be compared, and are left out.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_slowest_steps_v01(
    since_timestamp  timestamp with time zone DEFAULT NULL,
    limit_count      integer DEFAULT 10,
    namespace_filter pg_catalog.text DEFAULT NULL,
    task_name_filter pg_catalog.text DEFAULT NULL,
    version_filter   pg_catalog.text DEFAULT NULL
)
RETURNS TABLE (
    workflow_step_id bigint,
    task_id          bigint,
    step_name        character varying,
    task_name        character varying,
    namespace_name   character varying,
    version          character varying,
    duration_seconds numeric,
    attempts         integer,
    created_at       timestamp with time zone,
    completed_at     timestamp with time zone,
    retryable        boolean,
    step_status      character varying
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    since timestamp without time zone := coalesce(since_timestamp, pg_catalog.now() OPERATOR(pg_catalog.-) interval '24 hours') AT TIME ZONE 'UTC';
BEGIN
    RETURN QUERY
    SELECT
        s.workflow_step_id,
        s.task_id,
        n.name,
        nt.name,
        ns.name,
        nt.version,
        took.seconds,
        s.attempts,
        s.created_at AT TIME ZONE 'UTC',
        latest.created_at AT TIME ZONE 'UTC',
        s.retryable,
        latest.to_state
    FROM @engine@.tasker_workflow_steps s
    JOIN @engine@.tasker_workflow_step_transitions latest
        ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        AND latest.most_recent
        AND latest.to_state OPERATOR(pg_catalog.=) 'complete'
    JOIN @engine@.tasker_named_steps n
        ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
    JOIN @engine@.tasker_tasks t
        ON t.task_id OPERATOR(pg_catalog.=) s.task_id
    JOIN @engine@.tasker_named_tasks nt
        ON nt.named_task_id OPERATOR(pg_catalog.=) t.named_task_id
    JOIN @engine@.tasker_task_namespaces ns
        ON ns.task_namespace_id OPERATOR(pg_catalog.=) nt.task_namespace_id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN pg_catalog.isfinite(s.created_at) AND pg_catalog.isfinite(latest.created_at)
                THEN pg_catalog.round(extract(epoch FROM latest.created_at OPERATOR(pg_catalog.-) s.created_at), 3)
            ELSE 0
        END AS seconds
    ) took
    WHERE s.created_at OPERATOR(pg_catalog.>) since
        AND took.seconds OPERATOR(pg_catalog.>) 0
        AND (namespace_filter IS NULL OR ns.name OPERATOR(pg_catalog.=) namespace_filter)
        AND (task_name_filter IS NULL OR nt.name OPERATOR(pg_catalog.=) task_name_filter)
        AND (version_filter IS NULL OR nt.version OPERATOR(pg_catalog.=) version_filter)
    ORDER BY took.seconds DESC, s.workflow_step_id
    LIMIT limit_count;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    -- get_slowest_tasks_v01
    EXECUTE replace(replace($source$-- Tasks with a step that is complete or in error by how long they took up to
-- the latest of those, longest first. A NULL limit is none, and a negative one is
-- the error that it is in any query. Where a time is infinite the duration is 0.
--
-- Steps are counted before names are joined, in one group a task.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_slowest_tasks_v01(
    since_timestamp  timestamp with time zone DEFAULT NULL,
    limit_count      integer DEFAULT 10,
    namespace_filter pg_catalog.text DEFAULT NULL,
    task_name_filter pg_catalog.text DEFAULT NULL,
    version_filter   pg_catalog.text DEFAULT NULL
)
RETURNS TABLE (
    task_id          bigint,
    task_name        character varying,
    namespace_name   character varying,
    version          character varying,
    duration_seconds numeric,
    step_count       bigint,
    completed_steps  bigint,
    error_steps      bigint,
    created_at       timestamp with time zone,
    completed_at     timestamp with time zone,
    initiator        character varying,
    source_system    character varying
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
DECLARE
    since timestamp without time zone := coalesce(since_timestamp, pg_catalog.now() OPERATOR(pg_catalog.-) interval '24 hours') AT TIME ZONE 'UTC';
BEGIN
    RETURN QUERY
    SELECT
        c.task_id,
        nt.name,
        ns.name,
        nt.version,
        took.seconds,
        c.steps,
        c.complete,
        c.error,
        c.created_at AT TIME ZONE 'UTC',
        c.completed_at AT TIME ZONE 'UTC',
        c.initiator,
        c.source_system
    FROM (
        SELECT
            t.task_id,
            t.named_task_id,
            t.created_at,
            t.initiator,
            t.source_system,
            pg_catalog.count(*) AS steps,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.max(latest.created_at) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) ANY ('{complete,error}'::pg_catalog.text[])) AS completed_at
        FROM @engine@.tasker_tasks t
        JOIN @engine@.tasker_workflow_steps s
            ON s.task_id OPERATOR(pg_catalog.=) t.task_id
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            AND latest.most_recent
        WHERE t.created_at OPERATOR(pg_catalog.>) since
        GROUP BY t.task_id
    ) c
    JOIN @engine@.tasker_named_tasks nt
        ON nt.named_task_id OPERATOR(pg_catalog.=) c.named_task_id
    JOIN @engine@.tasker_task_namespaces ns
        ON ns.task_namespace_id OPERATOR(pg_catalog.=) nt.task_namespace_id
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN pg_catalog.isfinite(c.created_at) AND pg_catalog.isfinite(c.completed_at)
                THEN pg_catalog.round(extract(epoch FROM c.completed_at OPERATOR(pg_catalog.-) c.created_at), 3)
            ELSE 0
        END AS seconds
    ) took
    WHERE c.completed_at IS NOT NULL
        AND (namespace_filter IS NULL OR ns.name OPERATOR(pg_catalog.=) namespace_filter)
        AND (task_name_filter IS NULL OR nt.name OPERATOR(pg_catalog.=) task_name_filter)
        AND (version_filter IS NULL OR nt.version OPERATOR(pg_catalog.=) version_filter)
    ORDER BY took.seconds DESC, c.task_id
    LIMIT limit_count;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    IF rules = 'v01' THEN

    -- get_step_readiness_status by the rules v01
    EXECUTE replace(replace($source$-- The readiness of a task's steps, or of some of them. What the statement is
-- like and why, parts/steps.sql says.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_step_readiness_status(input_task_id bigint, step_ids bigint[] DEFAULT NULL)
RETURNS TABLE (
    workflow_step_id        bigint,
    task_id                 bigint,
    named_step_id           integer,
    name                    pg_catalog.text,
    current_state           pg_catalog.text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamp without time zone,
    next_retry_at           timestamp without time zone,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds integer,
    last_attempted_at       timestamp without time zone
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.step_readiness_status[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF NOT pg_catalog.pg_is_in_recovery()
                AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
                AND pg_catalog.pg_current_xact_id_if_assigned() IS NULL
                AND pg_catalog.has_table_privilege('tasker_sidecar.flushes', 'SELECT')
                AND pg_catalog.has_table_privilege('tasker_sidecar.step_readiness_status', 'SELECT') THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (step_ids IS NULL OR v.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids))
                    AND (
                        SELECT
                            NOT newest.reconciling
                            AND pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) newest.as_of) OPERATOR(pg_catalog.<=) CASE
                                WHEN coalesce(pg_catalog.current_setting('tasker_sidecar.max_staleness', true), '') OPERATOR(pg_catalog.=) '' THEN 1
                                ELSE tasker_sidecar.seconds('tasker_sidecar.max_staleness', 1)
                            END
                            AND NOT pg_catalog.pg_try_advisory_xact_lock_shared(newest.writer_lock)
                        FROM tasker_sidecar.flushes newest
                        ORDER BY newest.flush DESC
                        LIMIT 1
                    );
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                END IF;
            END IF;
            IF tasker_sidecar.fast() AND tasker_sidecar.covered(ARRAY[input_task_id]) THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (step_ids IS NULL OR v.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids));
                RETURN;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_steps(ARRAY[input_task_id], step_ids);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY SELECT v.* FROM pg_catalog.unnest(found_rows) v;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    RETURN QUERY
    SELECT
        f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        CASE
            WHEN f.attempts OPERATOR(pg_catalog.>=) f.retry_limit THEN false
            WHEN f.attempts OPERATOR(pg_catalog.>) 0 AND NOT f.retryable THEN false
            WHEN f.failed_at IS NULL THEN true
            ELSE coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')) OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')
        END,
        f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')),
        f.failed_at,
        coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')),
        f.parents::integer,
        f.done_parents::integer,
        f.attempts,
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
    FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) input_task_id
            AND (step_ids IS NULL OR s.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids))
    ) f;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    ELSE

    -- get_step_readiness_status by the rules v02
    EXECUTE replace(replace($source$-- The readiness of a task's steps, or of some of them. What the statement is
-- like and why, parts/steps.sql says.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_step_readiness_status(input_task_id bigint, step_ids bigint[] DEFAULT NULL)
RETURNS TABLE (
    workflow_step_id        bigint,
    task_id                 bigint,
    named_step_id           integer,
    name                    pg_catalog.text,
    current_state           pg_catalog.text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamp without time zone,
    next_retry_at           timestamp without time zone,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds integer,
    last_attempted_at       timestamp without time zone
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.step_readiness_status[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF NOT pg_catalog.pg_is_in_recovery()
                AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
                AND pg_catalog.pg_current_xact_id_if_assigned() IS NULL
                AND pg_catalog.has_table_privilege('tasker_sidecar.flushes', 'SELECT')
                AND pg_catalog.has_table_privilege('tasker_sidecar.step_readiness_status', 'SELECT') THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (step_ids IS NULL OR v.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids))
                    AND (
                        SELECT
                            NOT newest.reconciling
                            AND pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) newest.as_of) OPERATOR(pg_catalog.<=) CASE
                                WHEN coalesce(pg_catalog.current_setting('tasker_sidecar.max_staleness', true), '') OPERATOR(pg_catalog.=) '' THEN 1
                                ELSE tasker_sidecar.seconds('tasker_sidecar.max_staleness', 1)
                            END
                            AND NOT pg_catalog.pg_try_advisory_xact_lock_shared(newest.writer_lock)
                        FROM tasker_sidecar.flushes newest
                        ORDER BY newest.flush DESC
                        LIMIT 1
                    );
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                END IF;
            END IF;
            IF tasker_sidecar.fast() AND tasker_sidecar.covered(ARRAY[input_task_id]) THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (step_ids IS NULL OR v.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids));
                RETURN;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_steps(ARRAY[input_task_id], step_ids);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY SELECT v.* FROM pg_catalog.unnest(found_rows) v;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    RETURN QUERY
    SELECT
        f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit,
        f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')),
        f.failed_at,
        coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')),
        f.parents::integer,
        f.done_parents::integer,
        coalesce(f.attempts, 0),
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
    FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) input_task_id
            AND (step_ids IS NULL OR s.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids))
    ) f;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    END IF;

    IF rules = 'v01' THEN

    -- get_step_readiness_status_batch by the rules v01
    EXECUTE replace(replace($source$-- get_step_readiness_status for all steps of several tasks at once.
--
-- From 5,000 ids on, where looking every step up begins to cost more than reading
-- the tables, the statement is one that can be hashed. It is planned each time:
-- a plan that is kept takes any array for one of ten ids.
--
-- An answer is collected before it is sent, and on disk if it does not fit into
-- work_mem: 50,000 rows are 10 MB, and writing them to a file and reading them
-- takes as long as finding them in the rows.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_step_readiness_status_batch(input_task_ids bigint[])
RETURNS TABLE (
    workflow_step_id        bigint,
    task_id                 bigint,
    named_step_id           integer,
    name                    pg_catalog.text,
    current_state           pg_catalog.text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamp without time zone,
    next_retry_at           timestamp without time zone,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds integer,
    last_attempted_at       timestamp without time zone
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET work_mem = '32MB'
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.step_readiness_status[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF tasker_sidecar.fast() AND tasker_sidecar.covered(input_task_ids) THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[]);
                RETURN;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_steps(input_task_ids, NULL);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY SELECT v.* FROM pg_catalog.unnest(found_rows) v;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    IF pg_catalog.cardinality(input_task_ids) OPERATOR(pg_catalog.>=) 5000 THEN
        RETURN QUERY EXECUTE $statement$
            SELECT
                f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        CASE
            WHEN f.attempts OPERATOR(pg_catalog.>=) f.retry_limit THEN false
            WHEN f.attempts OPERATOR(pg_catalog.>) 0 AND NOT f.retryable THEN false
            WHEN f.failed_at IS NULL THEN true
            ELSE coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')) OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')
        END,
        f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')),
        f.failed_at,
        coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')),
        f.parents::integer,
        f.done_parents::integer,
        f.attempts,
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
            FROM (
        SELECT
            counted.*,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            failure.created_at AS failed_at
        FROM (
            SELECT
                s.workflow_step_id,
                s.task_id,
                s.named_step_id,
                n.name,
                s.processed,
                s.in_process,
                s.retryable,
                s.attempts,
                coalesce(s.retry_limit, 3) AS retry_limit,
                s.backoff_request_seconds,
                s.last_attempted_at,
                pg_catalog.count(e.from_step_id) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_steps s
            JOIN @engine@.tasker_named_steps n
                ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            LEFT JOIN @engine@.tasker_workflow_step_edges e
                ON e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions done
                ON done.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                AND done.most_recent
                AND done.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
            WHERE s.task_id OPERATOR(pg_catalog.=) ANY ($1)
            GROUP BY s.workflow_step_id, n.named_step_id
        ) counted
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND latest.most_recent
        LEFT JOIN @engine@.tasker_workflow_step_transitions failure
            ON failure.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND failure.most_recent
            AND failure.to_state OPERATOR(pg_catalog.=) 'error'
            ) f
        $statement$ USING input_task_ids;
    ELSE
        RETURN QUERY
        SELECT
            f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        CASE
            WHEN f.attempts OPERATOR(pg_catalog.>=) f.retry_limit THEN false
            WHEN f.attempts OPERATOR(pg_catalog.>) 0 AND NOT f.retryable THEN false
            WHEN f.failed_at IS NULL THEN true
            ELSE coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')) OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')
        END,
        f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')),
        f.failed_at,
        coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')),
        f.parents::integer,
        f.done_parents::integer,
        f.attempts,
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
        FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])
        ) f;
    END IF;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    ELSE

    -- get_step_readiness_status_batch by the rules v02
    EXECUTE replace(replace($source$-- get_step_readiness_status for all steps of several tasks at once.
--
-- From 5,000 ids on, where looking every step up begins to cost more than reading
-- the tables, the statement is one that can be hashed. It is planned each time:
-- a plan that is kept takes any array for one of ten ids.
--
-- An answer is collected before it is sent, and on disk if it does not fit into
-- work_mem: 50,000 rows are 10 MB, and writing them to a file and reading them
-- takes as long as finding them in the rows.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_step_readiness_status_batch(input_task_ids bigint[])
RETURNS TABLE (
    workflow_step_id        bigint,
    task_id                 bigint,
    named_step_id           integer,
    name                    pg_catalog.text,
    current_state           pg_catalog.text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamp without time zone,
    next_retry_at           timestamp without time zone,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds integer,
    last_attempted_at       timestamp without time zone
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET work_mem = '32MB'
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.step_readiness_status[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF tasker_sidecar.fast() AND tasker_sidecar.covered(input_task_ids) THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[]);
                RETURN;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_steps(input_task_ids, NULL);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY SELECT v.* FROM pg_catalog.unnest(found_rows) v;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    IF pg_catalog.cardinality(input_task_ids) OPERATOR(pg_catalog.>=) 5000 THEN
        RETURN QUERY EXECUTE $statement$
            SELECT
                f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit,
        f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')),
        f.failed_at,
        coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')),
        f.parents::integer,
        f.done_parents::integer,
        coalesce(f.attempts, 0),
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
            FROM (
        SELECT
            counted.*,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            failure.created_at AS failed_at
        FROM (
            SELECT
                s.workflow_step_id,
                s.task_id,
                s.named_step_id,
                n.name,
                s.processed,
                s.in_process,
                s.retryable,
                s.attempts,
                coalesce(s.retry_limit, 3) AS retry_limit,
                s.backoff_request_seconds,
                s.last_attempted_at,
                pg_catalog.count(e.from_step_id) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_steps s
            JOIN @engine@.tasker_named_steps n
                ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            LEFT JOIN @engine@.tasker_workflow_step_edges e
                ON e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions done
                ON done.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                AND done.most_recent
                AND done.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
            WHERE s.task_id OPERATOR(pg_catalog.=) ANY ($1)
            GROUP BY s.workflow_step_id, n.named_step_id
        ) counted
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND latest.most_recent
        LEFT JOIN @engine@.tasker_workflow_step_transitions failure
            ON failure.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND failure.most_recent
            AND failure.to_state OPERATOR(pg_catalog.=) 'error'
            ) f
        $statement$ USING input_task_ids;
    ELSE
        RETURN QUERY
        SELECT
            f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit,
        f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC')),
        f.failed_at,
        coalesce(f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second'), f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')),
        f.parents::integer,
        f.done_parents::integer,
        coalesce(f.attempts, 0),
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
        FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])
        ) f;
    END IF;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    END IF;

    -- get_system_health_counts_v01
    EXECUTE replace(replace($source$-- Over all tasks and steps. A task or step without any transition is in no
-- count but the total; a transition without its step, which takes foreign keys
-- switched off, is in none. The connections are asked for now.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_system_health_counts_v01()
RETURNS TABLE (
    total_tasks           bigint,
    pending_tasks         bigint,
    in_progress_tasks     bigint,
    complete_tasks        bigint,
    error_tasks           bigint,
    cancelled_tasks       bigint,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    complete_steps        bigint,
    error_steps           bigint,
    retryable_error_steps bigint,
    exhausted_retry_steps bigint,
    in_backoff_steps      bigint,
    active_connections    bigint,
    max_connections       bigint
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode   pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        newest tasker_sidecar.flushes;
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF tasker_sidecar.fast() THEN
                PERFORM FROM tasker_sidecar.count_rows;
                SELECT f.* INTO newest
                FROM tasker_sidecar.flushes f
                ORDER BY f.flush DESC
                LIMIT 1;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            newest := tasker_sidecar.await_flush();
        END IF;
        IF newest.flush IS NOT NULL THEN
            RETURN QUERY
            SELECT
                newest.total_tasks,
                newest.pending_tasks,
                newest.in_progress_tasks,
                newest.complete_tasks,
                newest.error_tasks,
                newest.cancelled_tasks,
                newest.total_steps,
                newest.pending_steps,
                newest.in_progress_steps,
                newest.complete_steps,
                newest.error_steps,
                newest.retryable_error_steps,
                newest.exhausted_retry_steps,
                newest.in_backoff_steps,
                (
            SELECT pg_catalog.count(*)
            FROM pg_catalog.pg_stat_activity a
            WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                AND a.state OPERATOR(pg_catalog.=) 'active'
        ),
        pg_catalog.current_setting('max_connections')::bigint;
            RETURN;
        END IF;
    END;
    END IF;
    RETURN QUERY
    SELECT
        of_tasks.total,
        of_tasks.pending,
        of_tasks.in_progress,
        of_tasks.complete,
        of_tasks.error,
        of_tasks.cancelled,
        of_steps.total,
        of_steps.pending,
        of_steps.in_progress,
        of_steps.complete,
        of_steps.error,
        of_steps.retryable,
        of_steps.exhausted,
        of_steps.in_backoff,
        (
            SELECT pg_catalog.count(*)
            FROM pg_catalog.pg_stat_activity a
            WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                AND a.state OPERATOR(pg_catalog.=) 'active'
        ),
        pg_catalog.current_setting('max_connections')::bigint
    FROM (
        SELECT
            pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.count(*) FILTER (WHERE latest.to_state OPERATOR(pg_catalog.=) 'cancelled') AS cancelled
        FROM @engine@.tasker_tasks t
        LEFT JOIN @engine@.tasker_task_transitions latest
            ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
            AND latest.most_recent
    ) of_tasks
    CROSS JOIN (
        SELECT
            pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'complete') AS complete,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error') AS error,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error' AND f.attempts OPERATOR(pg_catalog.<) f.retry_limit AND f.retryable) AS retryable,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error' AND f.attempts OPERATOR(pg_catalog.>=) f.retry_limit) AS exhausted,
            pg_catalog.count(*) FILTER (WHERE f.to_state OPERATOR(pg_catalog.=) 'error' AND f.attempts OPERATOR(pg_catalog.<) f.retry_limit AND f.retryable AND f.last_attempted_at IS NOT NULL) AS in_backoff
        FROM (
            SELECT s.attempts, s.retry_limit, s.retryable, s.last_attempted_at, latest.to_state
            FROM @engine@.tasker_workflow_steps s
            LEFT JOIN @engine@.tasker_workflow_step_transitions latest
                ON latest.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND latest.most_recent
        ) f
    ) of_steps;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    IF rules = 'v01' THEN

    -- get_task_execution_context by the rules v01
    EXECUTE replace(replace($source$-- Counts the steps itself instead of asking get_step_readiness_status for
-- their rows.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_task_execution_context(input_task_id bigint)
RETURNS TABLE (
    task_id               bigint,
    named_task_id         integer,
    status                pg_catalog.text,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    completed_steps       bigint,
    failed_steps          bigint,
    ready_steps           bigint,
    execution_status      pg_catalog.text,
    recommended_action    pg_catalog.text,
    completion_percentage numeric,
    health_status         pg_catalog.text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.task_execution_contexts[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF NOT pg_catalog.pg_is_in_recovery()
                AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
                AND pg_catalog.pg_current_xact_id_if_assigned() IS NULL
                AND pg_catalog.has_table_privilege('tasker_sidecar.flushes', 'SELECT')
                AND pg_catalog.has_table_privilege('tasker_sidecar.task_execution_contexts', 'SELECT') THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.task_execution_contexts v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (
                        SELECT
                            NOT newest.reconciling
                            AND pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) newest.as_of) OPERATOR(pg_catalog.<=) CASE
                                WHEN coalesce(pg_catalog.current_setting('tasker_sidecar.max_staleness', true), '') OPERATOR(pg_catalog.=) '' THEN 1
                                ELSE tasker_sidecar.seconds('tasker_sidecar.max_staleness', 1)
                            END
                            AND NOT pg_catalog.pg_try_advisory_xact_lock_shared(newest.writer_lock)
                        FROM tasker_sidecar.flushes newest
                        ORDER BY newest.flush DESC
                        LIMIT 1
                    );
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                END IF;
            END IF;
            IF tasker_sidecar.fast() AND tasker_sidecar.covered(ARRAY[input_task_id]) THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.task_execution_contexts v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id;
                RETURN;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_contexts(ARRAY[input_task_id]);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY SELECT v.* FROM pg_catalog.unnest(found_rows) v;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    RETURN QUERY
    SELECT
        t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::pg_catalog.text,
        coalesce(c.total, 0),
        coalesce(c.pending, 0),
        coalesce(c.in_progress, 0),
        coalesce(c.completed, 0),
        coalesce(c.failed, 0),
        coalesce(c.ready, 0),
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'has_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'processing'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'blocked_by_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'execute_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'wait_for_completion'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'handle_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE
            WHEN c.total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.round((100.0 OPERATOR(pg_catalog.*) c.completed) OPERATOR(pg_catalog./) c.total, 2)
            ELSE 0.0
        END,
        CASE
            WHEN coalesce(c.failed, 0) OPERATOR(pg_catalog.=) 0 THEN 'healthy'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 AND c.ready OPERATOR(pg_catalog.=) 0 THEN 'blocked'
            ELSE 'recovering'
        END
    FROM @engine@.tasker_tasks t
    LEFT JOIN @engine@.tasker_task_transitions latest
        ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
        AND latest.most_recent
    CROSS JOIN (
        SELECT
            pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND f.attempts OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            ) AS ready
        FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) (SELECT input_task_id)
        ) f
    ) c
    WHERE t.task_id OPERATOR(pg_catalog.=) input_task_id;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    ELSE

    -- get_task_execution_context by the rules v02
    EXECUTE replace(replace($source$-- Counts the steps itself instead of asking get_step_readiness_status for
-- their rows.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_task_execution_context(input_task_id bigint)
RETURNS TABLE (
    task_id               bigint,
    named_task_id         integer,
    status                pg_catalog.text,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    completed_steps       bigint,
    failed_steps          bigint,
    ready_steps           bigint,
    execution_status      pg_catalog.text,
    recommended_action    pg_catalog.text,
    completion_percentage numeric,
    health_status         pg_catalog.text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.task_execution_contexts[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF NOT pg_catalog.pg_is_in_recovery()
                AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
                AND pg_catalog.pg_current_xact_id_if_assigned() IS NULL
                AND pg_catalog.has_table_privilege('tasker_sidecar.flushes', 'SELECT')
                AND pg_catalog.has_table_privilege('tasker_sidecar.task_execution_contexts', 'SELECT') THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.task_execution_contexts v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (
                        SELECT
                            NOT newest.reconciling
                            AND pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) newest.as_of) OPERATOR(pg_catalog.<=) CASE
                                WHEN coalesce(pg_catalog.current_setting('tasker_sidecar.max_staleness', true), '') OPERATOR(pg_catalog.=) '' THEN 1
                                ELSE tasker_sidecar.seconds('tasker_sidecar.max_staleness', 1)
                            END
                            AND NOT pg_catalog.pg_try_advisory_xact_lock_shared(newest.writer_lock)
                        FROM tasker_sidecar.flushes newest
                        ORDER BY newest.flush DESC
                        LIMIT 1
                    );
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                END IF;
            END IF;
            IF tasker_sidecar.fast() AND tasker_sidecar.covered(ARRAY[input_task_id]) THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.task_execution_contexts v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id;
                RETURN;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_contexts(ARRAY[input_task_id]);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY SELECT v.* FROM pg_catalog.unnest(found_rows) v;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    RETURN QUERY
    SELECT
        t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::pg_catalog.text,
        coalesce(c.total, 0),
        coalesce(c.pending, 0),
        coalesce(c.in_progress, 0),
        coalesce(c.completed, 0),
        coalesce(c.failed, 0),
        coalesce(c.ready, 0),
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'has_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'processing'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'blocked_by_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'execute_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'wait_for_completion'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'handle_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE
            WHEN c.total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.round((100.0 OPERATOR(pg_catalog.*) c.completed) OPERATOR(pg_catalog./) c.total, 2)
            ELSE 0.0
        END,
        CASE
            WHEN coalesce(c.failed, 0) OPERATOR(pg_catalog.=) 0 THEN 'healthy'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 AND c.ready OPERATOR(pg_catalog.=) 0 THEN 'blocked'
            ELSE 'recovering'
        END
    FROM @engine@.tasker_tasks t
    LEFT JOIN @engine@.tasker_task_transitions latest
        ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
        AND latest.most_recent
    CROSS JOIN (
        SELECT
            pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            ) AS ready
        FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) (SELECT input_task_id)
        ) f
    ) c
    WHERE t.task_id OPERATOR(pg_catalog.=) input_task_id;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    END IF;

    IF rules = 'v01' THEN

    -- get_task_execution_contexts_batch by the rules v01
    EXECUTE replace(replace($source$-- get_task_execution_context for several tasks; one named twice is answered
-- twice. Two statements for the reason that get_step_readiness_status_batch gives.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_task_execution_contexts_batch(input_task_ids bigint[])
RETURNS TABLE (
    task_id               bigint,
    named_task_id         integer,
    status                pg_catalog.text,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    completed_steps       bigint,
    failed_steps          bigint,
    ready_steps           bigint,
    execution_status      pg_catalog.text,
    recommended_action    pg_catalog.text,
    completion_percentage numeric,
    health_status         pg_catalog.text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.task_execution_contexts[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF tasker_sidecar.fast() THEN
                -- As many rows as ids: each is covered and named once.
                RETURN QUERY
                WITH answer AS MATERIALIZED (
                    SELECT v.*
                    FROM tasker_sidecar.task_execution_contexts v
                    WHERE v.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])
                    ORDER BY v.task_id
                )
                SELECT a.*
                FROM answer a
                WHERE (SELECT pg_catalog.count(*) FROM answer) OPERATOR(pg_catalog.=) pg_catalog.cardinality(input_task_ids);
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                END IF;
                IF tasker_sidecar.covered(input_task_ids) THEN
                    RETURN QUERY
                    SELECT v.*
                    FROM pg_catalog.unnest(input_task_ids) AS asked (task_id)
                    JOIN tasker_sidecar.task_execution_contexts v ON v.task_id OPERATOR(pg_catalog.=) asked.task_id
                    ORDER BY v.task_id;
                    RETURN;
                END IF;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_contexts(input_task_ids);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY
                SELECT v.*
                FROM pg_catalog.unnest(input_task_ids) AS asked (task_id)
                JOIN pg_catalog.unnest(found_rows) v ON v.task_id OPERATOR(pg_catalog.=) asked.task_id
                ORDER BY v.task_id;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    IF pg_catalog.cardinality(input_task_ids) OPERATOR(pg_catalog.>=) 5000 THEN
        RETURN QUERY EXECUTE $statement$
            SELECT
                t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::pg_catalog.text,
        coalesce(c.total, 0),
        coalesce(c.pending, 0),
        coalesce(c.in_progress, 0),
        coalesce(c.completed, 0),
        coalesce(c.failed, 0),
        coalesce(c.ready, 0),
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'has_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'processing'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'blocked_by_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'execute_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'wait_for_completion'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'handle_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE
            WHEN c.total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.round((100.0 OPERATOR(pg_catalog.*) c.completed) OPERATOR(pg_catalog./) c.total, 2)
            ELSE 0.0
        END,
        CASE
            WHEN coalesce(c.failed, 0) OPERATOR(pg_catalog.=) 0 THEN 'healthy'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 AND c.ready OPERATOR(pg_catalog.=) 0 THEN 'blocked'
            ELSE 'recovering'
        END
            FROM pg_catalog.unnest($1) AS asked (task_id)
            JOIN @engine@.tasker_tasks t
                ON t.task_id OPERATOR(pg_catalog.=) asked.task_id
            LEFT JOIN @engine@.tasker_task_transitions latest
                ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
                AND latest.most_recent
            LEFT JOIN (
                SELECT
                    f.task_id,
                    pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND f.attempts OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            ) AS ready
                FROM (
        SELECT
            counted.*,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            failure.created_at AS failed_at
        FROM (
            SELECT
                s.workflow_step_id,
                s.task_id,
                s.named_step_id,
                n.name,
                s.processed,
                s.in_process,
                s.retryable,
                s.attempts,
                coalesce(s.retry_limit, 3) AS retry_limit,
                s.backoff_request_seconds,
                s.last_attempted_at,
                pg_catalog.count(e.from_step_id) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_steps s
            JOIN @engine@.tasker_named_steps n
                ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            LEFT JOIN @engine@.tasker_workflow_step_edges e
                ON e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions done
                ON done.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                AND done.most_recent
                AND done.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
            WHERE s.task_id OPERATOR(pg_catalog.=) ANY ($1)
            GROUP BY s.workflow_step_id, n.named_step_id
        ) counted
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND latest.most_recent
        LEFT JOIN @engine@.tasker_workflow_step_transitions failure
            ON failure.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND failure.most_recent
            AND failure.to_state OPERATOR(pg_catalog.=) 'error'
                ) f
                GROUP BY f.task_id
            ) c ON c.task_id OPERATOR(pg_catalog.=) t.task_id
            ORDER BY t.task_id
        $statement$ USING input_task_ids;
    ELSE
        RETURN QUERY
        SELECT
            t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::pg_catalog.text,
        coalesce(c.total, 0),
        coalesce(c.pending, 0),
        coalesce(c.in_progress, 0),
        coalesce(c.completed, 0),
        coalesce(c.failed, 0),
        coalesce(c.ready, 0),
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'has_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'processing'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'blocked_by_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'execute_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'wait_for_completion'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'handle_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE
            WHEN c.total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.round((100.0 OPERATOR(pg_catalog.*) c.completed) OPERATOR(pg_catalog./) c.total, 2)
            ELSE 0.0
        END,
        CASE
            WHEN coalesce(c.failed, 0) OPERATOR(pg_catalog.=) 0 THEN 'healthy'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 AND c.ready OPERATOR(pg_catalog.=) 0 THEN 'blocked'
            ELSE 'recovering'
        END
        FROM pg_catalog.unnest((SELECT input_task_ids)) AS asked (task_id)
        JOIN @engine@.tasker_tasks t
            ON t.task_id OPERATOR(pg_catalog.=) asked.task_id
        LEFT JOIN @engine@.tasker_task_transitions latest
            ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
            AND latest.most_recent
        LEFT JOIN (
            SELECT
                f.task_id,
                pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND f.attempts OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            ) AS ready
            FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])
            ) f
            GROUP BY f.task_id
        ) c ON c.task_id OPERATOR(pg_catalog.=) t.task_id
        ORDER BY t.task_id;
    END IF;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    ELSE

    -- get_task_execution_contexts_batch by the rules v02
    EXECUTE replace(replace($source$-- get_task_execution_context for several tasks; one named twice is answered
-- twice. Two statements for the reason that get_step_readiness_status_batch gives.
CREATE OR REPLACE FUNCTION tasker_sidecar_compat.get_task_execution_contexts_batch(input_task_ids bigint[])
RETURNS TABLE (
    task_id               bigint,
    named_task_id         integer,
    status                pg_catalog.text,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    completed_steps       bigint,
    failed_steps          bigint,
    ready_steps           bigint,
    execution_status      pg_catalog.text,
    recommended_action    pg_catalog.text,
    completion_percentage numeric,
    health_status         pg_catalog.text
)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $function$
BEGIN
    IF pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact' THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END;
        found_rows tasker_sidecar.task_execution_contexts[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF tasker_sidecar.fast() THEN
                -- As many rows as ids: each is covered and named once.
                RETURN QUERY
                WITH answer AS MATERIALIZED (
                    SELECT v.*
                    FROM tasker_sidecar.task_execution_contexts v
                    WHERE v.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])
                    ORDER BY v.task_id
                )
                SELECT a.*
                FROM answer a
                WHERE (SELECT pg_catalog.count(*) FROM answer) OPERATOR(pg_catalog.=) pg_catalog.cardinality(input_task_ids);
                IF found THEN
                    PERFORM FROM tasker_sidecar.count_rows;
                    RETURN;
                END IF;
                IF tasker_sidecar.covered(input_task_ids) THEN
                    RETURN QUERY
                    SELECT v.*
                    FROM pg_catalog.unnest(input_task_ids) AS asked (task_id)
                    JOIN tasker_sidecar.task_execution_contexts v ON v.task_id OPERATOR(pg_catalog.=) asked.task_id
                    ORDER BY v.task_id;
                    RETURN;
                END IF;
            END IF;
        ELSIF mode OPERATOR(pg_catalog.=) 'wait' THEN
            found_rows := tasker_sidecar.await_contexts(input_task_ids);
            IF found_rows IS NOT NULL THEN
                RETURN QUERY
                SELECT v.*
                FROM pg_catalog.unnest(input_task_ids) AS asked (task_id)
                JOIN pg_catalog.unnest(found_rows) v ON v.task_id OPERATOR(pg_catalog.=) asked.task_id
                ORDER BY v.task_id;
                RETURN;
            END IF;
        END IF;
    END;
    END IF;
    IF pg_catalog.cardinality(input_task_ids) OPERATOR(pg_catalog.>=) 5000 THEN
        RETURN QUERY EXECUTE $statement$
            SELECT
                t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::pg_catalog.text,
        coalesce(c.total, 0),
        coalesce(c.pending, 0),
        coalesce(c.in_progress, 0),
        coalesce(c.completed, 0),
        coalesce(c.failed, 0),
        coalesce(c.ready, 0),
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'has_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'processing'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'blocked_by_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'execute_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'wait_for_completion'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'handle_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE
            WHEN c.total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.round((100.0 OPERATOR(pg_catalog.*) c.completed) OPERATOR(pg_catalog./) c.total, 2)
            ELSE 0.0
        END,
        CASE
            WHEN coalesce(c.failed, 0) OPERATOR(pg_catalog.=) 0 THEN 'healthy'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 AND c.ready OPERATOR(pg_catalog.=) 0 THEN 'blocked'
            ELSE 'recovering'
        END
            FROM pg_catalog.unnest($1) AS asked (task_id)
            JOIN @engine@.tasker_tasks t
                ON t.task_id OPERATOR(pg_catalog.=) asked.task_id
            LEFT JOIN @engine@.tasker_task_transitions latest
                ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
                AND latest.most_recent
            LEFT JOIN (
                SELECT
                    f.task_id,
                    pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            ) AS ready
                FROM (
        SELECT
            counted.*,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            failure.created_at AS failed_at
        FROM (
            SELECT
                s.workflow_step_id,
                s.task_id,
                s.named_step_id,
                n.name,
                s.processed,
                s.in_process,
                s.retryable,
                s.attempts,
                coalesce(s.retry_limit, 3) AS retry_limit,
                s.backoff_request_seconds,
                s.last_attempted_at,
                pg_catalog.count(e.from_step_id) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_steps s
            JOIN @engine@.tasker_named_steps n
                ON n.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            LEFT JOIN @engine@.tasker_workflow_step_edges e
                ON e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
            LEFT JOIN @engine@.tasker_workflow_step_transitions done
                ON done.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                AND done.most_recent
                AND done.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
            WHERE s.task_id OPERATOR(pg_catalog.=) ANY ($1)
            GROUP BY s.workflow_step_id, n.named_step_id
        ) counted
        LEFT JOIN @engine@.tasker_workflow_step_transitions latest
            ON latest.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND latest.most_recent
        LEFT JOIN @engine@.tasker_workflow_step_transitions failure
            ON failure.workflow_step_id OPERATOR(pg_catalog.=) counted.workflow_step_id
            AND failure.most_recent
            AND failure.to_state OPERATOR(pg_catalog.=) 'error'
                ) f
                GROUP BY f.task_id
            ) c ON c.task_id OPERATOR(pg_catalog.=) t.task_id
            ORDER BY t.task_id
        $statement$ USING input_task_ids;
    ELSE
        RETURN QUERY
        SELECT
            t.task_id,
        t.named_task_id,
        coalesce(latest.to_state, 'pending')::pg_catalog.text,
        coalesce(c.total, 0),
        coalesce(c.pending, 0),
        coalesce(c.in_progress, 0),
        coalesce(c.completed, 0),
        coalesce(c.failed, 0),
        coalesce(c.ready, 0),
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'has_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'processing'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'blocked_by_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'all_complete'
            ELSE 'waiting_for_dependencies'
        END,
        CASE
            WHEN c.ready OPERATOR(pg_catalog.>) 0 THEN 'execute_ready_steps'
            WHEN c.in_progress OPERATOR(pg_catalog.>) 0 THEN 'wait_for_completion'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 THEN 'handle_failures'
            WHEN c.total OPERATOR(pg_catalog.>) 0 AND c.completed OPERATOR(pg_catalog.=) c.total THEN 'finalize_task'
            ELSE 'wait_for_dependencies'
        END,
        CASE
            WHEN c.total OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.round((100.0 OPERATOR(pg_catalog.*) c.completed) OPERATOR(pg_catalog./) c.total, 2)
            ELSE 0.0
        END,
        CASE
            WHEN coalesce(c.failed, 0) OPERATOR(pg_catalog.=) 0 THEN 'healthy'
            WHEN c.exhausted OPERATOR(pg_catalog.>) 0 AND c.ready OPERATOR(pg_catalog.=) 0 THEN 'blocked'
            ELSE 'recovering'
        END
        FROM pg_catalog.unnest((SELECT input_task_ids)) AS asked (task_id)
        JOIN @engine@.tasker_tasks t
            ON t.task_id OPERATOR(pg_catalog.=) asked.task_id
        LEFT JOIN @engine@.tasker_task_transitions latest
            ON latest.task_id OPERATOR(pg_catalog.=) t.task_id
            AND latest.most_recent
        LEFT JOIN (
            SELECT
                f.task_id,
                pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            AND (f.failed_at IS NULL OR f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second') OPERATOR(pg_catalog.<=) (pg_catalog.now() AT TIME ZONE 'UTC'))
            ) AS ready
            FROM (
        SELECT
            s.workflow_step_id,
            s.task_id,
            s.named_step_id,
            n.name,
            s.processed,
            s.in_process,
            s.retryable,
            s.attempts,
            coalesce(s.retry_limit, 3) AS retry_limit,
            s.backoff_request_seconds,
            s.last_attempted_at,
            coalesce(latest.to_state, 'pending')::pg_catalog.text AS state,
            CASE WHEN latest.to_state OPERATOR(pg_catalog.=) 'error' THEN latest.created_at END AS failed_at,
            counted.parents,
            counted.done_parents
        FROM @engine@.tasker_workflow_steps s
        CROSS JOIN LATERAL (
            SELECT of_step.name
            FROM @engine@.tasker_named_steps of_step
            WHERE of_step.named_step_id OPERATOR(pg_catalog.=) s.named_step_id
            OFFSET 0
        ) n
        LEFT JOIN LATERAL (
            SELECT of_step.to_state, of_step.created_at
            FROM @engine@.tasker_workflow_step_transitions of_step
            WHERE of_step.workflow_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
                AND of_step.most_recent
            OFFSET 0
        ) latest ON true
        CROSS JOIN LATERAL (
            SELECT
                pg_catalog.count(*) AS parents,
                pg_catalog.count(done.workflow_step_id) AS done_parents
            FROM @engine@.tasker_workflow_step_edges e
            LEFT JOIN LATERAL (
                SELECT of_parent.workflow_step_id
                FROM @engine@.tasker_workflow_step_transitions of_parent
                WHERE of_parent.workflow_step_id OPERATOR(pg_catalog.=) e.from_step_id
                    AND of_parent.most_recent
                    AND of_parent.to_state OPERATOR(pg_catalog.=) ANY (ARRAY['complete', 'resolved_manually']::pg_catalog.text[])
                OFFSET 0
            ) done ON true
            WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ) counted
        WHERE s.task_id OPERATOR(pg_catalog.=) ANY ((SELECT input_task_ids)::bigint[])
            ) f
            GROUP BY f.task_id
        ) c ON c.task_id OPERATOR(pg_catalog.=) t.task_id
        ORDER BY t.task_id;
    END IF;
END
$function$;
$source$, '@engine@', engine), '@persistence@ ', persistence);

    END IF;

    -- tasker_step_dag_relationships
    EXECUTE replace(replace($source$-- Everything about a step is looked up from the step, so that asking for some
-- steps touches these and their ancestors, however large the database is. That
-- takes a plain join of subqueries that each name the step: conditions on the
-- step or its task reach the table, and nothing is computed for rows that were
-- not asked for. OFFSET 0 keeps each list computed once.
--
-- The shortest path from a root is found from its other end: breadth first
-- upwards, an ancestor once a level, until one has no edge into it. The last
-- join finds that out while it looks for the next level, and gives a row with
-- the root instead of a parent. A recursive query emits its rows level by level
-- and is read no further than to the first such row. A step that has no row,
-- which takes foreign keys switched off, is no root.
CREATE OR REPLACE VIEW tasker_sidecar_compat.tasker_step_dag_relationships AS
SELECT
    s.workflow_step_id,
    s.task_id,
    s.named_step_id,
    pg_catalog.to_jsonb(parents.ids) AS parent_step_ids,
    pg_catalog.to_jsonb(children.ids) AS child_step_ids,
    pg_catalog.cardinality(parents.ids)::bigint AS parent_count,
    pg_catalog.cardinality(children.ids)::bigint AS child_count,
    pg_catalog.cardinality(parents.ids) OPERATOR(pg_catalog.=) 0 AS is_root_step,
    pg_catalog.cardinality(children.ids) OPERATOR(pg_catalog.=) 0 AS is_leaf_step,
    CASE WHEN pg_catalog.cardinality(parents.ids) OPERATOR(pg_catalog.=) 0 THEN 0 ELSE (
        WITH RECURSIVE ancestors (step_id, depth, root_id) AS (
            SELECT s.workflow_step_id, 0, NULL::bigint
            UNION
            SELECT
                e.from_step_id,
                a.depth OPERATOR(pg_catalog.+) 1,
                CASE WHEN e.from_step_id IS NULL THEN a.step_id END
            FROM ancestors a
            LEFT JOIN LATERAL (
                SELECT of_step.from_step_id
                FROM @engine@.tasker_workflow_step_edges of_step
                WHERE of_step.to_step_id OPERATOR(pg_catalog.=) a.step_id
                OFFSET 0
            ) e ON true
            WHERE a.step_id IS NOT NULL
                AND a.depth OPERATOR(pg_catalog.<=) 50
        )
        SELECT a.depth OPERATOR(pg_catalog.-) 1
        FROM ancestors a
        WHERE (
            SELECT true
            FROM @engine@.tasker_workflow_steps root
            WHERE root.workflow_step_id OPERATOR(pg_catalog.=) a.root_id
        )
        LIMIT 1
    ) END AS min_depth_from_root
FROM @engine@.tasker_workflow_steps s
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT e.from_step_id
        FROM @engine@.tasker_workflow_step_edges e
        WHERE e.to_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ORDER BY e.from_step_id
    ) AS ids
    OFFSET 0
) parents
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT e.to_step_id
        FROM @engine@.tasker_workflow_step_edges e
        WHERE e.from_step_id OPERATOR(pg_catalog.=) s.workflow_step_id
        ORDER BY e.to_step_id
    ) AS ids
    OFFSET 0
) children;

-- A view reads with its owner's rights, not its caller's as the functions do: who
-- may read the engine's may read this one, and nobody else. Whoever is granted
-- the engine's afterwards has to be granted this, or the installation repeated.
DO $readers$
DECLARE
    reader pg_catalog.text;
BEGIN
    FOR reader IN
        SELECT CASE right_to.grantee WHEN 0 THEN 'PUBLIC' ELSE right_to.grantee::pg_catalog.regrole::text END
        FROM pg_catalog.pg_class theirs
        CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(theirs.relacl, pg_catalog.acldefault('r', theirs.relowner))) right_to
        JOIN pg_catalog.pg_class ours
            ON ours.oid OPERATOR(pg_catalog.=) 'tasker_sidecar_compat.tasker_step_dag_relationships'::pg_catalog.regclass
        WHERE theirs.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($engine$@engine@.tasker_step_dag_relationships$engine$)
            AND right_to.privilege_type OPERATOR(pg_catalog.=) 'SELECT'
            AND right_to.grantee OPERATOR(pg_catalog.<>) ours.relowner
    LOOP
        EXECUTE 'GRANT SELECT ON tasker_sidecar_compat.tasker_step_dag_relationships TO ' OPERATOR(pg_catalog.||) reader;
    END LOOP;
END
$readers$;
$source$, '@engine@', engine), '@persistence@ ', persistence);
END
$install$;

-- What operators have set is theirs to keep in a dump; all else is made anew.
SELECT pg_catalog.pg_extension_config_dump('tasker_sidecar.settings', '');
SELECT pg_catalog.pg_extension_config_dump('tasker_sidecar.maintenance_services', '');
