package chaos

import "fmt"

// action is one kind of thing that is done.
type action struct {
	weight int
	make   func(g *generator) []Op
}

func one(f func(g *generator) Op) func(g *generator) []Op {
	return func(g *generator) []Op { return []Op{f(g)} }
}

var actions = []action{
	{6, func(g *generator) []Op { return []Op{g.insertTask(g.task())} }},
	{14, func(g *generator) []Op { return []Op{g.insertStep(g.step())} }},
	{12, (*generator).insertEdge},
	{6, one((*generator).insertStepMove)},
	{4, one((*generator).insertTaskMove)},
	{24, (*generator).stepTransition},
	{8, (*generator).taskTransition},
	{14, one((*generator).updateStep)},
	{6, one((*generator).updateStepMove)},
	{4, one((*generator).updateTaskMove)},
	{5, one((*generator).updateTask)},
	{5, one((*generator).updateEdge)},
	{4, one((*generator).updateNames)},
	{3, one((*generator).moveKey)},
	{3, one((*generator).insertNames)},
	{6, one((*generator).deleteRow)},
	{3, (*generator).deleteStep},
	{2, (*generator).deleteTask},
	{1, (*generator).truncate},
	{2, (*generator).big},
	{2, one((*generator).nothing)},
}

var totalWeight = func() (n int) {
	for _, a := range actions {
		n += a.weight
	}
	return n
}()

func (g *generator) insertTask(id int) Op {
	return sql(`INSERT INTO tasker_tasks (task_id, named_task_id, complete, requested_at, initiator, source_system, context, identity_hash, created_at, updated_at)
		VALUES (%d, %d, %s, '2020-01-01', %s, %s, '{}', 'chaos-%d-%d', %s, '2020-01-01')%s`,
		id, g.namedTask(), g.bool(), choose(g, "NULL", "'somebody'"), choose(g, "NULL", "'api'"), id, g.IntN(1<<30), g.instant(),
		choose(g, "", " ON CONFLICT (task_id) DO UPDATE SET complete = excluded.complete, named_task_id = excluded.named_task_id"))
}

func (g *generator) insertStep(id int) Op {
	return sql(`INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, retryable, retry_limit, in_process, processed, processed_at,
		attempts, last_attempted_at, backoff_request_seconds, inputs, created_at, updated_at)
		VALUES (%d, %d, %d, %s, %s, %s, %s, %s, %s, %s, %s, '{}', %s, '2020-01-01')%s`,
		id, g.task(), g.namedStep(), choose(g, "true", "true", "true", "false"), g.limit(), choose(g, "false", "false", "false", "true"),
		choose(g, "false", "false", "true"), g.nullable(g.instant()), g.attempts(), g.nullable(g.instant()), g.backoff(), g.instant(),
		choose(g, "", "", " ON CONFLICT (workflow_step_id) DO UPDATE SET attempts = excluded.attempts, task_id = excluded.task_id",
			" ON CONFLICT DO NOTHING"))
}

// insertEdge adds an edge, sometimes the same twice.
func (g *generator) insertEdge() []Op {
	from, to := g.pair()
	insert := func() Op {
		return sql(`INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at)
			VALUES (%d, %d, %d, 'provides', '2020-01-01', '2020-01-01') ON CONFLICT DO NOTHING`, g.edge(), from, to)
	}
	if g.one(8) {
		return []Op{insert(), insert()}
	}
	return []Op{insert()}
}

func (g *generator) insertStepMove() Op {
	return sql(`INSERT INTO tasker_workflow_step_transitions (id, to_state, from_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
		VALUES (%d, %s, %s, %d, %s, %d, %s, '2020-01-01')`,
		g.stepMove(), g.state(), choose(g, "NULL", "''", "'pending'"), g.sortKey(), g.bool(), g.step(), g.instant())
}

func (g *generator) insertTaskMove() Op {
	return sql(`INSERT INTO tasker_task_transitions (id, to_state, sort_key, most_recent, task_id, created_at, updated_at)
		VALUES (%d, %s, %d, %s, %d, %s, '2020-01-01')`, g.taskMove(), g.state(), g.sortKey(), g.bool(), g.task(), g.instant())
}

// stepTransition is what the engine writes: flip, insert, sometimes with the
// columns that go with it; the parts are statements of their own.
func (g *generator) stepTransition() []Op {
	id, to := g.step(), g.state()
	ops := []Op{
		sql(`UPDATE tasker_workflow_step_transitions SET most_recent = false WHERE workflow_step_id = %d AND most_recent`, id),
		sql(`INSERT INTO tasker_workflow_step_transitions (id, to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
			SELECT %d, %s, coalesce(max(sort_key), 0) + 10, true, %d, %s, '2020-01-01' FROM tasker_workflow_step_transitions WHERE workflow_step_id = %d`,
			g.stepMove(), to, id, g.instant(), id),
	}
	if g.one(2) {
		ops = append([]Op{sql(`UPDATE tasker_workflow_steps SET attempts = coalesce(attempts, 0) + 1, last_attempted_at = %s, processed = %v, in_process = false
			WHERE workflow_step_id = %d`, g.instant(), to == "'complete'", id)}, ops...)
	}
	return ops
}

func (g *generator) taskTransition() []Op {
	id := g.task()
	return []Op{
		sql(`UPDATE tasker_task_transitions SET most_recent = false WHERE task_id = %d AND most_recent`, id),
		sql(`INSERT INTO tasker_task_transitions (id, to_state, sort_key, most_recent, task_id, created_at, updated_at)
			SELECT %d, %s, coalesce(max(sort_key), 0) + 10, true, %d, %s, '2020-01-01' FROM tasker_task_transitions WHERE task_id = %d`,
			g.taskMove(), g.state(), id, g.instant(), id),
	}
}

func (g *generator) updateStep() Op {
	set := g.several(g.stepColumn)
	if g.one(6) {
		set = fmt.Sprintf("task_id = %d", g.task())
	}
	where := fmt.Sprintf("workflow_step_id = %d", g.step())
	switch g.IntN(10) {
	case 0:
		where = fmt.Sprintf("task_id = %d", g.task())
	case 1:
		where = fmt.Sprintf("workflow_step_id %% 5 = %d", g.IntN(5))
	}
	return sql(`UPDATE tasker_workflow_steps SET %s WHERE %s`, set, where)
}

func (g *generator) updateStepMove() Op {
	set := choose(g, "most_recent = "+g.bool(), "most_recent = NOT most_recent", "to_state = "+g.state(),
		fmt.Sprintf("workflow_step_id = %d", g.step()), "created_at = "+g.instant(), fmt.Sprintf("sort_key = %d", g.sortKey()),
		"metadata = '{\"changed\": true}'", "from_state = 'pending'")
	where := fmt.Sprintf("id = %d", g.stepMove())
	switch g.IntN(4) {
	case 0:
		where = fmt.Sprintf("workflow_step_id = %d", g.step())
	case 1:
		where = fmt.Sprintf("workflow_step_id = %d AND most_recent", g.step())
	}
	return sql(`UPDATE tasker_workflow_step_transitions SET %s WHERE %s`, set, where)
}

func (g *generator) updateTaskMove() Op {
	set := choose(g, "most_recent = "+g.bool(), "to_state = "+g.state(), fmt.Sprintf("task_id = %d", g.task()), "created_at = "+g.instant())
	where := fmt.Sprintf("id = %d", g.taskMove())
	if g.one(2) {
		where = fmt.Sprintf("task_id = %d AND most_recent", g.task())
	}
	return sql(`UPDATE tasker_task_transitions SET %s WHERE %s`, set, where)
}

func (g *generator) updateTask() Op {
	return sql(`UPDATE tasker_tasks SET %s WHERE task_id = %d`, g.several(func() string {
		return choose(g, "complete = "+g.bool(), fmt.Sprintf("named_task_id = %d", g.namedTask()), "created_at = "+g.instant(),
			"initiator = "+choose(g, "NULL", "''", "'another'"), "source_system = "+choose(g, "NULL", "'web'"), "context = '{\"a\": 1}'")
	}), g.task())
}

func (g *generator) updateEdge() Op {
	from, to := g.pair()
	if !g.Cycles || g.one(2) {
		return sql(`UPDATE tasker_workflow_step_edges SET from_step_id = %d, to_step_id = %d WHERE id = %d`, from, to, g.edge())
	}
	return sql(`UPDATE tasker_workflow_step_edges SET %s WHERE id = %d`,
		choose(g, fmt.Sprintf("from_step_id = %d", from), fmt.Sprintf("to_step_id = %d", to), "name = 'renamed'"), g.edge())
}

func (g *generator) updateNames() Op {
	switch g.IntN(5) {
	case 0:
		return sql(`UPDATE tasker_task_namespaces SET name = 'namespace_%d' WHERE task_namespace_id = %d`, g.IntN(6), g.namespace())
	case 1:
		return sql(`UPDATE tasker_named_tasks SET name = 'task_%d' WHERE named_task_id = %d`, g.IntN(5), g.namedTask())
	case 2:
		return sql(`UPDATE tasker_named_tasks SET version = '%d.0.0' WHERE named_task_id = %d`, g.IntN(9), g.namedTask())
	case 3:
		return sql(`UPDATE tasker_named_tasks SET task_namespace_id = %d WHERE named_task_id = %d`, g.namespace(), g.namedTask())
	}
	return sql(`UPDATE tasker_named_steps SET name = 'renamed_%d' WHERE named_step_id = %d`, g.IntN(9), g.namedStep())
}

func (g *generator) insertNames() Op {
	switch g.IntN(3) {
	case 0:
		return sql(`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at)
			VALUES (%d, 'namespace_%d', '2020-01-01', '2020-01-01')`, g.missing(namespaces), g.IntN(6))
	case 1:
		return sql(`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at)
			VALUES (%d, 'task_%d', %d, '9.%d.0', '2020-01-01', '2020-01-01')`, g.namedTask(), g.IntN(5), g.namespace(), g.IntN(9))
	}
	return sql(`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
		VALUES (%d, 1, 'late_%d', '2020-01-01', '2020-01-01')`, g.namedStep(), g.IntN(9))
}

// tables are those that are followed, with their keys and a key of each.
func (g *generator) table() (table, key string, id int) {
	switch g.IntN(10) {
	case 0:
		return "tasker_task_namespaces", "task_namespace_id", g.namespace()
	case 1:
		return "tasker_named_tasks", "named_task_id", g.namedTask()
	case 2:
		return "tasker_named_steps", "named_step_id", g.namedStep()
	case 3:
		return "tasker_tasks", "task_id", g.task()
	case 4:
		return "tasker_task_transitions", "id", g.taskMove()
	case 5, 6:
		return "tasker_workflow_step_edges", "id", g.edge()
	case 7:
		return "tasker_workflow_steps", "workflow_step_id", g.step()
	}
	return "tasker_workflow_step_transitions", "id", g.stepMove()
}

// moveKey changes a primary key; another row of the same table keeps to its.
func (g *generator) moveKey() Op {
	table, key, id := g.table()
	to := id + choose(g, 1, -1, 2, 5)
	return sql(`UPDATE %s SET %s = %d WHERE %s = %d`, table, key, max(to, 1), key, id)
}

func (g *generator) deleteRow() Op {
	table, key, id := g.table()
	return sql(`DELETE FROM %s WHERE %s = %d`, table, key, id)
}

// deleteStep takes what refers to the step first.
func (g *generator) deleteStep() []Op {
	id := g.step()
	return []Op{
		sql(`DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_id = %d`, id),
		sql(`DELETE FROM tasker_workflow_step_edges WHERE from_step_id = %d OR to_step_id = %d`, id, id),
		sql(`DELETE FROM tasker_workflow_steps WHERE workflow_step_id = %d`, id),
	}
}

// deleteTask is a hard delete, row by row.
func (g *generator) deleteTask() []Op {
	id := g.task()
	steps := fmt.Sprintf("(SELECT workflow_step_id FROM tasker_workflow_steps WHERE task_id = %d)", id)
	return []Op{
		sql(`DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_id IN %s`, steps),
		sql(`DELETE FROM tasker_workflow_step_edges WHERE from_step_id IN %s OR to_step_id IN %s`, steps, steps),
		sql(`DELETE FROM tasker_workflow_steps WHERE task_id = %d`, id),
		sql(`DELETE FROM tasker_task_transitions WHERE task_id = %d`, id),
		sql(`DELETE FROM tasker_tasks WHERE task_id = %d`, id),
	}
}

// truncate empties tables, and in most cases fills them again in part, so that
// a long program does not end with nothing to work on.
func (g *generator) truncate() []Op {
	tables := choose(g,
		"tasker_workflow_step_edges", "tasker_workflow_step_transitions", "tasker_task_transitions",
		"tasker_workflow_step_edges, tasker_workflow_step_transitions RESTART IDENTITY", "tasker_tasks")
	if g.one(4) {
		tables = choose(g, "tasker_workflow_steps CASCADE", "tasker_tasks CASCADE")
	}
	ops := []Op{sql("TRUNCATE %s", tables)}
	if g.one(5) {
		return ops
	}
	for id := 1; id <= g.Tasks; id++ {
		ops = append(ops, g.insertTask(id))
	}
	for range g.Steps / 2 {
		ops = append(ops, g.insertStep(g.step()))
		ops = append(ops, g.insertEdge()...)
	}
	return ops
}

// big is many rows in one statement, above the ids of all others, gone again in
// most cases.
func (g *generator) big() []Op {
	first := 10_000 * (1 + g.IntN(3))
	last := first + g.BigRows - 1
	insert := []Op{
		sql(`INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, attempts, created_at, updated_at)
			SELECT i, %d, 1 + i %% %d, 0, '2020-01-01', '2020-01-01' FROM generate_series(%d, %d) i ON CONFLICT DO NOTHING`, g.task(), namedSteps, first, last),
		sql(`INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at)
			SELECT i, i - 1, i, 'provides', '2020-01-01', '2020-01-01' FROM generate_series(%d, %d) i ON CONFLICT DO NOTHING`, first+1, last),
		sql(`INSERT INTO tasker_workflow_step_transitions (id, to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
			SELECT i, (ARRAY['complete', 'error', 'in_progress'])[1 + i %% 3], 10, true, i, '2020-01-01', '2020-01-01' FROM generate_series(%d, %d) i ON CONFLICT DO NOTHING`, first, first+g.BigRows/2),
	}
	remove := []Op{
		sql(`DELETE FROM tasker_workflow_step_transitions WHERE id >= %d OR workflow_step_id >= %d`, first, first),
		sql(`DELETE FROM tasker_workflow_step_edges WHERE id >= %d OR from_step_id >= %d OR to_step_id >= %d`, first, first, first),
		sql(`DELETE FROM tasker_workflow_steps WHERE workflow_step_id >= %d`, first),
	}
	switch g.IntN(4) {
	case 0:
		return insert
	case 1:
		return append(insert, sql(`UPDATE tasker_workflow_steps SET attempts = 1, task_id = %d WHERE workflow_step_id BETWEEN %d AND %d`, g.task(), first, last))
	}
	return remove
}

// nothing changes nothing, but writes it.
func (g *generator) nothing() Op {
	return choose(g,
		sql(`UPDATE tasker_workflow_steps SET attempts = attempts WHERE workflow_step_id = %d`, g.step()),
		sql(`UPDATE tasker_tasks SET updated_at = updated_at`),
		sql(`SELECT count(*) FROM tasker_tasks`),
		sql(`UPDATE tasker_workflow_step_transitions SET most_recent = most_recent WHERE workflow_step_id = %d`, g.step()))
}
