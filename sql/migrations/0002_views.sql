-- Views for people over the rows of 0001, and two functions.
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
