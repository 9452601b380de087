-- The tables of the schema: what the sidecar knows, as rows, and what it and
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
