-- What the maintenance services keep: what each has done, which of them may not
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
