package maintenance

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// statements are those about the engine's tables. Times there are UTC without a
// zone.
type statements struct {
	step, task, lockTask, taskState string
}

const serviceState = `coalesce((SELECT state FROM tasker_sidecar.maintenance_services WHERE service = $2), 'running')`

// step asks what makes an act about a step due: whether it may still be retried,
// whether it has a result, the seconds until its wait is over, the seconds since
// it failed if that was by one of the errors in $3, and the task's most recent
// transition.
const stepSQL = `
SELECT ` + serviceState + `,
    coalesce(s.retryable, false) AND NOT coalesce(s.in_process, false) AND NOT coalesce(s.processed, false) AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3),
    coalesce(s.processed, false),
    coalesce(extract(epoch FROM greatest(
        s.last_attempted_at + s.backoff_request_seconds * interval '1 second',
        x.created_at + least(power(2, least(coalesce(s.attempts, 1), 5)), 30) * interval '1 second') - clock_timestamp() AT TIME ZONE 'UTC'), 0)::float8,
    CASE WHEN s.results ->> 'error_class' = ANY ($3::text[]) THEN extract(epoch FROM clock_timestamp() AT TIME ZONE 'UTC' - x.created_at)::float8 END,
    coalesce((SELECT t.id FROM @engine@.tasker_task_transitions t WHERE t.task_id = s.task_id AND t.most_recent), 0)
FROM @engine@.tasker_workflow_steps s
LEFT JOIN @engine@.tasker_workflow_step_transitions x ON x.workflow_step_id = s.workflow_step_id AND x.most_recent
WHERE s.workflow_step_id = $1`

// task asks for the highest transition of its steps, and whether the task was
// announced in this very state.
const taskSQL = `
SELECT ` + serviceState + `, x.id,
    EXISTS (SELECT FROM tasker_sidecar.maintenance_announcements a WHERE a.task_id = $1 AND a.task_transition_id = $3 AND a.step_transition_id = x.id)
FROM (
    SELECT coalesce(max(x.id), 0) AS id
    FROM @engine@.tasker_workflow_steps s
    JOIN @engine@.tasker_workflow_step_transitions x ON x.workflow_step_id = s.workflow_step_id AND x.most_recent
    WHERE s.task_id = $1
) x`

const lockTaskSQL = `SELECT task_id FROM @engine@.tasker_tasks WHERE task_id = $1 FOR NO KEY UPDATE`

const taskStateSQL = `SELECT id, to_state FROM @engine@.tasker_task_transitions WHERE task_id = $1 AND most_recent`

const auditSQL = `
INSERT INTO tasker_sidecar.maintenance_acts (service, task_id, workflow_step_id, from_state, to_state, transition_id, announced, reason, epoch)
VALUES ($1, $2, nullif($3::bigint, 0), $4, $5, nullif($6::bigint, 0), $7, $8, $9)`

const announcedSQL = `
INSERT INTO tasker_sidecar.maintenance_announcements (task_id, task_transition_id, step_transition_id) VALUES ($1, $2, $3)
ON CONFLICT (task_id) DO UPDATE SET task_transition_id = excluded.task_transition_id, step_transition_id = excluded.step_transition_id, announced_at = pg_catalog.clock_timestamp()`

const lastMinuteSQL = `
SELECT service, count(*) FROM tasker_sidecar.maintenance_acts WHERE acted_at > pg_catalog.clock_timestamp() - interval '1 minute' GROUP BY service`

// What is older than KeepActs goes, in parts.
const forgetActsSQL = `
DELETE FROM tasker_sidecar.maintenance_acts WHERE act IN (
    SELECT act FROM tasker_sidecar.maintenance_acts WHERE acted_at < pg_catalog.clock_timestamp() - make_interval(secs => $1) ORDER BY acted_at LIMIT 1000)`

const forgetAnnouncementsSQL = `
DELETE FROM tasker_sidecar.maintenance_announcements WHERE task_id IN (
    SELECT task_id FROM tasker_sidecar.maintenance_announcements a
    WHERE announced_at < pg_catalog.clock_timestamp() - make_interval(secs => $1)
        AND NOT EXISTS (SELECT FROM @engine@.tasker_tasks t WHERE t.task_id = a.task_id AND NOT t.complete)
    LIMIT 1000)`

// missingSQL lists the rights that acting needs and the role has not.
const missingSQL = `
SELECT what FROM (VALUES
    ('UPDATE of tasker_tasks', has_table_privilege('@engine@.tasker_tasks', 'UPDATE')),
    ('UPDATE of tasker_workflow_steps', has_table_privilege('@engine@.tasker_workflow_steps', 'UPDATE')),
    ('INSERT into tasker_task_transitions', has_table_privilege('@engine@.tasker_task_transitions', 'INSERT')),
    ('UPDATE of tasker_task_transitions', has_table_privilege('@engine@.tasker_task_transitions', 'UPDATE')),
    ('INSERT into tasker_workflow_step_transitions', has_table_privilege('@engine@.tasker_workflow_step_transitions', 'INSERT')),
    ('UPDATE of tasker_workflow_step_transitions', has_table_privilege('@engine@.tasker_workflow_step_transitions', 'UPDATE')),
    ('USAGE of ' || pg_get_serial_sequence('@engine@.tasker_task_transitions', 'id'), has_sequence_privilege(pg_get_serial_sequence('@engine@.tasker_task_transitions', 'id'), 'USAGE')),
    ('USAGE of ' || pg_get_serial_sequence('@engine@.tasker_workflow_step_transitions', 'id'), has_sequence_privilege(pg_get_serial_sequence('@engine@.tasker_workflow_step_transitions', 'id'), 'USAGE')),
    ('INSERT into tasker_sidecar.maintenance_acts', has_table_privilege('tasker_sidecar.maintenance_acts', 'INSERT')),
    ('UPDATE of tasker_sidecar.leader', has_table_privilege('tasker_sidecar.leader', 'UPDATE'))
) AS needed (what, has) WHERE NOT has`

func engineSQL(sql, schema string) string {
	// In missingSQL it stands in a literal.
	quoted := pgx.Identifier{schema}.Sanitize()
	if strings.Contains(sql, "'@engine@") {
		quoted = strings.ReplaceAll(quoted, "'", "''")
	}
	return strings.ReplaceAll(sql, "@engine@", quoted)
}

func render(schema string) statements {
	return statements{step: engineSQL(stepSQL, schema), task: engineSQL(taskSQL, schema), lockTask: engineSQL(lockTaskSQL, schema), taskState: engineSQL(taskStateSQL, schema)}
}
