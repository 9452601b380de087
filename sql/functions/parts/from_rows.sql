-- The answers from rows, for callers who want that (schema tasker_sidecar,
-- migration read_modes): each is the beginning of a function's body, and returns
-- where the rows count. Left out where the functions are installed alone.
--
-- A session runs these more often than anything else here, and each expression
-- and each call of a function is prepared anew in each transaction. So the mode
-- that leads nowhere else, exact, is found by one expression, and what is asked
-- about one task has all that tasker_sidecar.fast() looks at in two, one before
-- rows may be named at all and one in the statement that reads them. Where that
-- gives no row, fast() is asked, which finds and counts the cause; a row there
-- tells that the task has rows of all kinds. Lists of ids are hidden from the
-- planner, who else plans anew for each, and by their length reads the whole table.
{{define "exact" -}}
pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'exact'
{{- end}}
-- Most sessions say nothing, and most databases have nothing set for any role:
-- then no page of the settings has ever been written, or vacuum has cut it off.
{{define "mode" -}}
CASE
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.=) 'fast' THEN 'fast'
            WHEN pg_catalog.current_setting('tasker_sidecar.read_mode', true) OPERATOR(pg_catalog.<>) ''
                OR pg_catalog.pg_relation_size('tasker_sidecar.settings'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
                THEN tasker_sidecar.read_mode()
            ELSE 'exact'
        END
{{- end}}
{{define "may_read_rows" -}}
NOT pg_catalog.pg_is_in_recovery()
                AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed'
                AND pg_catalog.pg_current_xact_id_if_assigned() IS NULL
                AND pg_catalog.has_table_privilege('tasker_sidecar.flushes', 'SELECT')
                AND pg_catalog.has_table_privilege('tasker_sidecar.{{.}}', 'SELECT')
            {{- end}}
{{define "vouched_for" -}}
(
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
                    )
{{- end}}
{{define "step_readiness_from_rows"}}
    {{- if rows}}
    IF {{template "exact"}} THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := {{template "mode"}};
        found_rows tasker_sidecar.step_readiness_status[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF {{template "may_read_rows" "step_readiness_status"}} THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.step_readiness_status v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND (step_ids IS NULL OR v.workflow_step_id OPERATOR(pg_catalog.=) ANY (step_ids))
                    AND {{template "vouched_for"}};
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
    {{- end}}
{{- end}}
{{define "step_readiness_batch_from_rows"}}
    {{- if rows}}
    IF {{template "exact"}} THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := {{template "mode"}};
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
    {{- end}}
{{- end}}
{{define "context_from_rows"}}
    {{- if rows}}
    IF {{template "exact"}} THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := {{template "mode"}};
        found_rows tasker_sidecar.task_execution_contexts[];
    BEGIN
        IF mode OPERATOR(pg_catalog.=) 'fast' THEN
            IF {{template "may_read_rows" "task_execution_contexts"}} THEN
                RETURN QUERY
                SELECT v.*
                FROM tasker_sidecar.task_execution_contexts v
                WHERE v.task_id OPERATOR(pg_catalog.=) input_task_id
                    AND {{template "vouched_for"}};
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
    {{- end}}
{{- end}}
{{define "contexts_batch_from_rows"}}
    {{- if rows}}
    IF {{template "exact"}} THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := {{template "mode"}};
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
    {{- end}}
{{- end}}
{{define "levels_from_rows"}}
    {{- if rows}}
    IF {{template "exact"}} THEN
        NULL;
    ELSE
    DECLARE
        mode pg_catalog.text := {{template "mode"}};
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
    {{- end}}
{{- end}}
-- The connections are in no log; they are asked for now, as in the exact answer.
{{define "health_from_rows"}}
    {{- if rows}}
    IF {{template "exact"}} THEN
        NULL;
    ELSE
    DECLARE
        mode   pg_catalog.text := {{template "mode"}};
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
                {{template "connections"}};
            RETURN;
        END IF;
    END;
    END IF;
    {{- end}}
{{- end}}
{{define "connections" -}}
(
            SELECT pg_catalog.count(*)
            FROM pg_catalog.pg_stat_activity a
            WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                AND a.state OPERATOR(pg_catalog.=) 'active'
        ),
        pg_catalog.current_setting('max_connections')::bigint
{{- end}}
