-- What a context says, from the counts c over a task's steps and the task t.
{{define "counts" -}}
pg_catalog.count(*) AS total,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'pending') AS pending,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'in_progress') AS in_progress,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) ANY ('{complete,resolved_manually}'::pg_catalog.text[])) AS completed,
            pg_catalog.count(*) FILTER (WHERE f.state OPERATOR(pg_catalog.=) 'error') AS failed,
            pg_catalog.count(*) FILTER (
                WHERE f.state OPERATOR(pg_catalog.=) 'error'
                    AND {{if v01}}f.attempts{{else}}coalesce(f.attempts, 0){{end}} OPERATOR(pg_catalog.>=) f.retry_limit
            ) AS exhausted,
            pg_catalog.count(*) FILTER (
                WHERE {{template "ready"}}
            ) AS ready
{{- end}}
{{define "context" -}}
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
{{- end}}
