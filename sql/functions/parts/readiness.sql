-- The columns of get_step_readiness_status, of the step f. Under rules v01
-- retry_eligible looks at backoff too, and NULL attempts stay NULL.
{{define "readiness" -}}
f.workflow_step_id,
        f.task_id,
        f.named_step_id,
        f.name::pg_catalog.text,
        f.state,
        f.parents OPERATOR(pg_catalog.=) f.done_parents,
        {{- if v01}}
        CASE
            WHEN f.attempts OPERATOR(pg_catalog.>=) f.retry_limit THEN false
            WHEN f.attempts OPERATOR(pg_catalog.>) 0 AND NOT f.retryable THEN false
            WHEN f.failed_at IS NULL THEN true
            ELSE coalesce({{template "explicit_until"}}, {{template "failure_until"}}) OPERATOR(pg_catalog.<=) {{template "now"}}
        END,
        {{- else}}
        {{template "attempts_left"}},
        {{- end}}
        {{template "ready"}},
        f.failed_at,
        coalesce({{template "explicit_until"}}, {{template "failure_until"}}),
        f.parents::integer,
        f.done_parents::integer,
        {{if v01}}f.attempts{{else}}coalesce(f.attempts, 0){{end}},
        f.retry_limit,
        f.backoff_request_seconds,
        f.last_attempted_at
{{- end}}
