package names

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// wanted are names that the cache does not have.
type wanted struct {
	tasks        []workload.NamedTaskKey
	descriptions []string // of tasks
	steps        []workload.NamedStepKey
	members      []member
}

// member is a step of a named task, with its defaults.
type member struct {
	task workload.NamedTaskKey
	step *workload.Step
}

type statement struct {
	sql  string
	args []any
}

// columns are names as the arrays that statements take.
type columns struct {
	namespace, task, version, description []string
	system, step                          []string
}

func (w *wanted) arrays() columns {
	var c columns
	for i, t := range w.tasks {
		c.namespace, c.task, c.version = append(c.namespace, t.Namespace), append(c.task, t.Name), append(c.version, t.Version)
		c.description = append(c.description, w.descriptions[i])
	}
	for _, s := range w.steps {
		c.system, c.step = append(c.system, s.System), append(c.step, s.Name)
	}
	return c
}

// statements write what is missing, those first that others refer to.
func (w *wanted) statements(at time.Time) []statement {
	c := w.arrays()
	var memberNamespace, memberTask, memberVersion, memberSystem, memberStep []string
	var skippable, retryable []bool
	var limit []int32
	for _, m := range w.members {
		memberNamespace, memberTask, memberVersion = append(memberNamespace, m.task.Namespace), append(memberTask, m.task.Name), append(memberVersion, m.task.Version)
		key := m.step.Key()
		memberSystem, memberStep = append(memberSystem, key.System), append(memberStep, key.Name)
		skippable, retryable = append(skippable, m.step.Skippable), append(retryable, m.step.Retryable)
		limit = append(limit, m.step.RetryLimit.Or(3))
	}
	return []statement{
		{`INSERT INTO tasker_task_namespaces (name, created_at, updated_at)
			SELECT DISTINCT w.name, $2::timestamp, $2::timestamp FROM unnest($1::text[]) w(name)
			WHERE NOT EXISTS (SELECT FROM tasker_task_namespaces n WHERE n.name = w.name)
			ORDER BY 1 ON CONFLICT DO NOTHING`, []any{c.namespace, at}},
		{`INSERT INTO tasker_dependent_systems (name, created_at, updated_at)
			SELECT DISTINCT w.name, $2::timestamp, $2::timestamp FROM unnest($1::text[]) w(name)
			WHERE NOT EXISTS (SELECT FROM tasker_dependent_systems d WHERE d.name = w.name)
			ORDER BY 1 ON CONFLICT DO NOTHING`, []any{c.system, at}},
		{`INSERT INTO tasker_named_tasks (task_namespace_id, name, version, description, created_at, updated_at)
			SELECT n.task_namespace_id, w.name, w.version, left(nullif(w.description, ''), 255), $5::timestamp, $5::timestamp
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) w(namespace, name, version, description)
			JOIN tasker_task_namespaces n ON n.name = w.namespace
			WHERE NOT EXISTS (SELECT FROM tasker_named_tasks t
				WHERE t.task_namespace_id = n.task_namespace_id AND t.name = w.name AND t.version = w.version)
			ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING`, []any{c.namespace, c.task, c.version, c.description, at}},
		{`INSERT INTO tasker_named_steps (dependent_system_id, name, created_at, updated_at)
			SELECT DISTINCT d.dependent_system_id, w.name, $3::timestamp, $3::timestamp
			FROM unnest($1::text[], $2::text[]) w(system, name)
			JOIN tasker_dependent_systems d ON d.name = w.system
			WHERE NOT EXISTS (SELECT FROM tasker_named_steps s WHERE s.dependent_system_id = d.dependent_system_id AND s.name = w.name)
			ORDER BY 1, 2 ON CONFLICT DO NOTHING`, []any{c.system, c.step, at}},
		{`INSERT INTO tasker_named_tasks_named_steps (named_task_id, named_step_id, skippable, default_retryable, default_retry_limit, created_at, updated_at)
			SELECT DISTINCT ON (t.named_task_id, s.named_step_id) t.named_task_id, s.named_step_id, w.skippable, w.retryable, w.retry_limit, $9::timestamp, $9::timestamp
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[], $8::int[])
				w(namespace, task, version, system, step, skippable, retryable, retry_limit)
			JOIN tasker_task_namespaces n ON n.name = w.namespace
			JOIN tasker_named_tasks t ON t.task_namespace_id = n.task_namespace_id AND t.name = w.task AND t.version = w.version
			JOIN tasker_dependent_systems d ON d.name = w.system
			JOIN tasker_named_steps s ON s.dependent_system_id = d.dependent_system_id AND s.name = w.step
			WHERE NOT EXISTS (SELECT FROM tasker_named_tasks_named_steps m
				WHERE m.named_task_id = t.named_task_id AND m.named_step_id = s.named_step_id)
			ORDER BY 1, 2 ON CONFLICT DO NOTHING`,
			[]any{memberNamespace, memberTask, memberVersion, memberSystem, memberStep, skippable, retryable, limit, at}},
	}
}
