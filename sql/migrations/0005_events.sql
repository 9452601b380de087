-- Up to where a consumer of events with a name has been told everything.
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
