-- Where a drop-in function takes its answer from.
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
