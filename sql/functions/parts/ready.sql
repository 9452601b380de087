-- Whether the step f can run now.
{{define "attempts_left" -}}
{{if v01 -}}
coalesce(f.attempts OPERATOR(pg_catalog.<) f.retry_limit, false)
{{- else -}}
coalesce(f.attempts, 0) OPERATOR(pg_catalog.<) f.retry_limit
{{- end}}
{{- end}}
{{define "ready" -}}
f.state OPERATOR(pg_catalog.=) ANY ('{pending,error}'::pg_catalog.text[])
            AND NOT f.processed
            AND NOT f.in_process
            AND f.retryable
            AND f.parents OPERATOR(pg_catalog.=) f.done_parents
            AND {{template "attempts_left"}}
            AND (f.backoff_request_seconds IS NULL OR f.last_attempted_at IS NULL OR {{template "explicit_until"}} OPERATOR(pg_catalog.<=) {{template "now"}})
            AND (f.failed_at IS NULL OR {{template "failure_until"}} OPERATOR(pg_catalog.<=) {{template "now"}})
{{- end}}
