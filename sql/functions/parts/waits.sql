-- Until when a step f waits, as zone-less times of UTC: after a failure
-- min(2^attempts, 30) seconds, NULL attempts counting as 1. The exponent is
-- bounded before it is used, so that nothing can overflow: 2^5 is more than
-- 30, and 2^-30 seconds are less than a microsecond.
{{define "explicit_until" -}}
f.last_attempted_at OPERATOR(pg_catalog.+) (f.backoff_request_seconds OPERATOR(pg_catalog.*) interval '1 second')
{{- end}}
{{define "failure_until" -}}
f.failed_at OPERATOR(pg_catalog.+) (least(pg_catalog.power(2, greatest(least(coalesce(f.attempts, 1), 5), -30)), 30) OPERATOR(pg_catalog.*) interval '1 second')
{{- end}}
{{define "now" -}}
(pg_catalog.now() AT TIME ZONE 'UTC')
{{- end}}
