package readiness_test

import (
	"maps"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// model is the trivial counterpart of the index: the rows, and answers
// computed from all of them at each question, by the words of the engine's
// functions.
type model struct {
	namespaces      map[int64]tasker.TaskNamespace
	namedTasks      map[int64]tasker.NamedTask
	namedSteps      map[int64]tasker.NamedStep
	tasks           map[int64]tasker.Task
	steps           map[int64]tasker.WorkflowStep
	edges           map[int64]tasker.WorkflowStepEdge
	taskTransitions map[int64]tasker.Transition
	stepTransitions map[int64]tasker.Transition
}

func newModel() *model {
	return &model{
		map[int64]tasker.TaskNamespace{}, map[int64]tasker.NamedTask{}, map[int64]tasker.NamedStep{},
		map[int64]tasker.Task{}, map[int64]tasker.WorkflowStep{}, map[int64]tasker.WorkflowStepEdge{},
		map[int64]tasker.Transition{}, map[int64]tasker.Transition{},
	}
}

func (m *model) clone() *model {
	return &model{
		maps.Clone(m.namespaces), maps.Clone(m.namedTasks), maps.Clone(m.namedSteps), maps.Clone(m.tasks),
		maps.Clone(m.steps), maps.Clone(m.edges), maps.Clone(m.taskTransitions), maps.Clone(m.stepTransitions),
	}
}

// apply does to the rows what a change says; what it leaves out is filled in
// from the row before.
func (m *model) apply(c *tasker.Change) {
	old := c.Key
	if c.Op == tasker.Update {
		old = c.OldKey
	}
	switch c.Table {
	case tasker.TaskNamespaces:
		store(m.namespaces, c, old, c.TaskNamespace, func(r *tasker.TaskNamespace, was tasker.TaskNamespace) {
			r.Name = was.Name
		})
	case tasker.NamedTasks:
		store(m.namedTasks, c, old, c.NamedTask, func(r *tasker.NamedTask, was tasker.NamedTask) {
			if c.Unchanged&2 != 0 {
				r.Name = was.Name
			}
			if c.Unchanged&8 != 0 {
				r.Version = was.Version
			}
		})
	case tasker.NamedSteps:
		store(m.namedSteps, c, old, c.NamedStep, func(r *tasker.NamedStep, was tasker.NamedStep) { r.Name = was.Name })
	case tasker.Tasks:
		store(m.tasks, c, old, c.Task, func(r *tasker.Task, was tasker.Task) {
			if c.Unchanged&8 != 0 {
				r.Initiator = was.Initiator
			}
			if c.Unchanged&16 != 0 {
				r.SourceSystem = was.SourceSystem
			}
		})
	case tasker.WorkflowSteps:
		store(m.steps, c, old, c.WorkflowStep, nil)
	case tasker.WorkflowStepEdges:
		store(m.edges, c, old, c.WorkflowStepEdge, nil)
	case tasker.TaskTransitions:
		store(m.taskTransitions, c, old, c.TaskTransition, keepState)
	case tasker.WorkflowStepTransitions:
		store(m.stepTransitions, c, old, c.WorkflowStepTransition, keepState)
	}
}

func keepState(r *tasker.Transition, was tasker.Transition) { r.ToState = was.ToState }

func store[R any](rows map[int64]R, c *tasker.Change, old int64, row R, fill func(r *R, was R)) {
	if c.Op == tasker.Truncate {
		clear(rows)
		return
	}
	if c.Unchanged != 0 {
		fill(&row, rows[old])
	}
	delete(rows, old)
	if c.Op != tasker.Delete {
		rows[c.Key] = row
	}
}

// recent is the most recent transition of a parent.
func recent(rows map[int64]tasker.Transition, parent int64) (tasker.Transition, bool) {
	for _, r := range rows {
		if r.MostRecent && r.ParentID == parent {
			return r, true
		}
	}
	return tasker.Transition{}, false
}

func (m *model) state(step int64) string {
	if r, ok := recent(m.stepTransitions, step); ok {
		return r.ToState
	}
	return tasker.Pending
}

func (m *model) done(step int64) bool { return tasker.Done(m.state(step)) }

func (m *model) parents(step int64) (list []int64) {
	for _, e := range m.edges {
		if e.ToStepID == step {
			list = append(list, e.FromStepID)
		}
	}
	slices.Sort(list)
	return list
}

func (m *model) children(step int64) (list []int64) {
	for _, e := range m.edges {
		if e.FromStepID == step {
			list = append(list, e.ToStepID)
		}
	}
	slices.Sort(list)
	return list
}

func (m *model) stepsOf(task int64) (list []int64) {
	for id, s := range m.steps {
		if s.TaskID == task {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

func (m *model) failedAt(step int64) tasker.Timestamp {
	if r, ok := recent(m.stepTransitions, step); ok && r.ToState == tasker.Error {
		return r.CreatedAt
	}
	return tasker.NoTime
}

func (m *model) explicitUntil(step int64) tasker.Timestamp {
	s := m.steps[step]
	if s.LastAttemptedAt == tasker.NoTime || !s.BackoffRequestSeconds.Valid {
		return tasker.NoTime
	}
	return s.LastAttemptedAt.Add(time.Duration(s.BackoffRequestSeconds.V) * time.Second)
}

func (m *model) failureUntil(step int64) tasker.Timestamp {
	at := m.failedAt(step)
	if at == tasker.NoTime {
		return at
	}
	wait := math.Min(math.Pow(2, float64(m.steps[step].Attempts.Or(1))), 30)
	return at.Add(time.Duration(math.RoundToEven(wait*1e6)) * time.Microsecond)
}

// failing gives the conjuncts of ready_for_execution that do not hold.
func (m *model) failing(rules tasker.Rules, id int64, now tasker.Timestamp) (list []tasker.ReasonCode) {
	s := m.steps[id]
	add := func(bad bool, code tasker.ReasonCode) {
		if bad {
			list = append(list, code)
		}
	}
	done := 0
	parents := m.parents(id)
	for _, p := range parents {
		if m.done(p) {
			done++
		}
	}
	_, named := m.namedSteps[int64(s.NamedStepID)]
	state := m.state(id)
	unknown := rules == tasker.RulesV01 && !s.Attempts.Valid
	add(done < len(parents), tasker.ReasonDependenciesNotSatisfied)
	add(!named, tasker.ReasonNoNamedStep)
	add(state != tasker.Pending && state != tasker.Error, tasker.ReasonInvalidState)
	add(unknown, tasker.ReasonAttemptsUnknown)
	add(!unknown && s.Attempts.Or(0) >= s.RetryLimit.Or(3), tasker.ReasonAttemptsExhausted)
	add(!s.Retryable, tasker.ReasonNotRetryable)
	add(s.InProcess, tasker.ReasonInProcess)
	add(s.Processed, tasker.ReasonProcessed)
	add(m.explicitUntil(id) > now, tasker.ReasonExplicitBackoff)
	add(m.failureUntil(id) > now, tasker.ReasonFailureBackoff)
	return list
}

func (m *model) ready(rules tasker.Rules, id int64, now tasker.Timestamp) bool {
	return len(m.failing(rules, id, now)) == 0
}

// readySince is when a candidate is ready, facts never lying after their commit.
func (m *model) readySince(id int64) tasker.Timestamp {
	at := m.steps[id].CreatedAt
	for _, p := range append(m.parents(id), id) {
		if r, ok := recent(m.stepTransitions, p); ok {
			at = max(at, r.CreatedAt)
		}
	}
	return max(at, m.explicitUntil(id), m.failureUntil(id))
}

func (m *model) retryEligible(rules tasker.Rules, id int64, now tasker.Timestamp) bool {
	s := m.steps[id]
	if rules == tasker.RulesV02 {
		return s.Attempts.Or(0) < s.RetryLimit.Or(3)
	}
	switch {
	case s.Attempts.Valid && s.Attempts.V >= s.RetryLimit.Or(3):
		return false
	case s.Attempts.Valid && s.Attempts.V > 0 && !s.Retryable:
		return false
	case m.failedAt(id) == tasker.NoTime:
		return true
	case m.explicitUntil(id) != tasker.NoTime:
		return m.explicitUntil(id) <= now
	}
	return m.failureUntil(id) <= now
}

func (m *model) stepReadiness(rules tasker.Rules, task int64, only []int64, now tasker.Timestamp) (rows []tasker.StepReadiness) {
	for _, id := range m.stepsOf(task) {
		s := m.steps[id]
		named, ok := m.namedSteps[int64(s.NamedStepID)]
		if !ok || only != nil && !slices.Contains(only, id) {
			continue
		}
		r := tasker.StepReadiness{
			WorkflowStepID: id, TaskID: task, NamedStepID: s.NamedStepID, Name: named.Name, CurrentState: m.state(id),
			RetryEligible:     m.retryEligible(rules, id, now),
			ReadyForExecution: m.ready(rules, id, now),
			LastFailureAt:     m.failedAt(id), NextRetryAt: m.explicitUntil(id),
			Attempts: tasker.Some(s.Attempts.Or(0)), RetryLimit: s.RetryLimit.Or(3),
			BackoffRequestSeconds: s.BackoffRequestSeconds, LastAttemptedAt: s.LastAttemptedAt,
		}
		if rules == tasker.RulesV01 {
			r.Attempts = s.Attempts
		}
		if r.NextRetryAt == tasker.NoTime {
			r.NextRetryAt = m.failureUntil(id)
		}
		for _, p := range m.parents(id) {
			r.TotalParents++
			if m.done(p) {
				r.CompletedParents++
			}
		}
		r.DependenciesSatisfied = r.TotalParents == r.CompletedParents
		rows = append(rows, r)
	}
	return rows
}

func (m *model) context(rules tasker.Rules, id int64, now tasker.Timestamp) (c tasker.TaskExecutionContext, ok bool) {
	t, ok := m.tasks[id]
	if !ok {
		return c, false
	}
	c = tasker.TaskExecutionContext{TaskID: id, NamedTaskID: t.NamedTaskID, Status: tasker.Pending}
	if r, ok := recent(m.taskTransitions, id); ok {
		c.Status = r.ToState
	}
	exhausted := false
	for _, r := range m.stepReadiness(rules, id, nil, now) {
		c.TotalSteps++
		switch r.CurrentState {
		case tasker.Pending:
			c.PendingSteps++
		case tasker.InProgress:
			c.InProgressSteps++
		case tasker.Complete, tasker.ResolvedManually:
			c.CompletedSteps++
		case tasker.Error:
			c.FailedSteps++
			exhausted = exhausted || r.Attempts.Valid && r.Attempts.V >= r.RetryLimit
		}
		if r.ReadyForExecution {
			c.ReadySteps++
		}
	}
	switch {
	case c.ReadySteps > 0:
		c.ExecutionStatus, c.RecommendedAction = "has_ready_steps", "execute_ready_steps"
	case c.InProgressSteps > 0:
		c.ExecutionStatus, c.RecommendedAction = "processing", "wait_for_completion"
	case exhausted:
		c.ExecutionStatus, c.RecommendedAction = "blocked_by_failures", "handle_failures"
	case c.TotalSteps > 0 && c.CompletedSteps == c.TotalSteps:
		c.ExecutionStatus, c.RecommendedAction = "all_complete", "finalize_task"
	default:
		c.ExecutionStatus, c.RecommendedAction = "waiting_for_dependencies", "wait_for_dependencies"
	}
	c.CompletionPercentage.Scale = 2
	if c.TotalSteps > 0 {
		c.CompletionPercentage = rounded(big.NewRat(100*c.CompletedSteps, c.TotalSteps), 2)
	}
	switch {
	case c.FailedSteps == 0:
		c.HealthStatus = "healthy"
	case c.ReadySteps > 0:
		c.HealthStatus = "recovering"
	case exhausted:
		c.HealthStatus = "blocked"
	default:
		c.HealthStatus = "recovering"
	}
	return c, true
}

// rounded is r with the given places; FloatString rounds half away from zero.
func rounded(r *big.Rat, places uint8) tasker.Decimal {
	d, err := tasker.ParseDecimal(r.FloatString(int(places)), places)
	if err != nil {
		panic(err)
	}
	return d
}

// reach gives, for a set of steps, which can be reached from which by one
// edge or more. An edge counts where follow lets it.
func (m *model) reach(follow func(from, to int64) bool) map[[2]int64]bool {
	reach := map[[2]int64]bool{}
	nodes := map[int64]bool{}
	for _, e := range m.edges {
		if follow(e.FromStepID, e.ToStepID) {
			reach[[2]int64{e.FromStepID, e.ToStepID}] = true
			nodes[e.FromStepID], nodes[e.ToStepID] = true, true
		}
	}
	for k := range nodes {
		for i := range nodes {
			for j := range nodes {
				if reach[[2]int64{i, k}] && reach[[2]int64{k, j}] {
					reach[[2]int64{i, j}] = true
				}
			}
		}
	}
	return reach
}

func (m *model) levels(task int64) (rows []tasker.DependencyLevel) {
	inside := m.stepsOf(task)
	in := func(id int64) bool { return slices.Contains(inside, id) }
	reach := m.reach(func(from, to int64) bool { return in(from) && in(to) })
	reached := map[int64]bool{}
	for _, root := range inside {
		if len(m.parents(root)) > 0 {
			continue
		}
		reached[root] = true
		for _, id := range inside {
			reached[id] = reached[id] || reach[[2]int64{root, id}]
		}
	}
	endless := func(id int64) bool {
		for _, c := range inside {
			if reached[c] && reach[[2]int64{c, c}] && (c == id || reach[[2]int64{c, id}]) {
				return true
			}
		}
		return false
	}
	var longest func(id int64) int32
	longest = func(id int64) (level int32) {
		for _, p := range m.parents(id) {
			if in(p) && reached[p] {
				level = max(level, longest(p)+1)
			}
		}
		return level
	}
	for _, id := range inside {
		if reached[id] && !endless(id) {
			rows = append(rows, tasker.DependencyLevel{WorkflowStepID: id, DependencyLevel: longest(id)})
		}
	}
	slices.SortStableFunc(rows, func(a, b tasker.DependencyLevel) int { return int(a.DependencyLevel - b.DependencyLevel) })
	return rows
}

func (m *model) health() (h tasker.SystemHealthCounts) {
	for id := range m.tasks {
		h.TotalTasks++
		r, _ := recent(m.taskTransitions, id)
		switch r.ToState {
		case tasker.Pending:
			h.PendingTasks++
		case tasker.InProgress:
			h.InProgressTasks++
		case tasker.Complete:
			h.CompleteTasks++
		case tasker.Error:
			h.ErrorTasks++
		case tasker.Cancelled:
			h.CancelledTasks++
		}
	}
	for id, s := range m.steps {
		h.TotalSteps++
		r, _ := recent(m.stepTransitions, id)
		switch r.ToState {
		case tasker.Pending:
			h.PendingSteps++
		case tasker.InProgress:
			h.InProgressSteps++
		case tasker.Complete:
			h.CompleteSteps++
		case tasker.Error:
			h.ErrorSteps++
			both := s.Attempts.Valid && s.RetryLimit.Valid
			if both && s.Attempts.V < s.RetryLimit.V && s.Retryable {
				h.RetryableErrorSteps++
				if s.LastAttemptedAt != tasker.NoTime {
					h.InBackoffSteps++
				}
			}
			if both && s.Attempts.V >= s.RetryLimit.V {
				h.ExhaustedRetrySteps++
			}
		}
	}
	return h
}

// has says whether a step of the task is most recently in one of the states.
func (m *model) has(task int64, states ...string) bool {
	for _, id := range m.stepsOf(task) {
		if r, ok := recent(m.stepTransitions, id); ok && slices.Contains(states, r.ToState) {
			return true
		}
	}
	return false
}

func (m *model) analytics(since, now tasker.Timestamp) tasker.AnalyticsMetrics {
	if since == tasker.NoTime {
		since = now.Add(-time.Hour)
	}
	a := tasker.AnalyticsMetrics{AnalysisPeriodStart: since, CalculatedAt: now}
	spaces, types := map[string]bool{}, map[string]bool{}
	var complete, errors, ended int64
	inTasks, inSteps := new(big.Int), new(big.Int)
	for id, t := range m.tasks {
		if named, ok := m.namedTasks[int64(t.NamedTaskID)]; ok {
			types[named.Name] = true
			if ns, ok := m.namespaces[named.TaskNamespaceID]; ok {
				spaces[ns.Name] = true
			}
		}
		for _, step := range m.stepsOf(id) {
			r, ok := recent(m.stepTransitions, step)
			if ok && !slices.Contains([]string{"complete", "error", "skipped", "resolved_manually"}, r.ToState) {
				a.ActiveTasksCount++
				break
			}
		}
		if t.CreatedAt > now.Add(-time.Hour) {
			complete += one(m.has(id, "complete"))
			errors += one(m.has(id, "error"))
		}
		if t.CreatedAt <= since {
			continue
		}
		a.TaskThroughput++
		a.CompletionCount += one(m.has(id, "complete"))
		a.ErrorCount += one(m.has(id, "error"))
		for _, step := range m.stepsOf(id) {
			a.StepThroughput++
			if r, ok := recent(m.stepTransitions, step); ok && r.ToState == "complete" {
				ended++
				inTasks.Add(inTasks, big.NewInt(int64(r.CreatedAt)-int64(t.CreatedAt)))
				inSteps.Add(inSteps, big.NewInt(int64(r.CreatedAt)-int64(m.steps[step].CreatedAt)))
			}
		}
	}
	a.TotalNamespacesCount, a.UniqueTaskTypesCount = int64(len(spaces)), int64(len(types))
	a.SystemHealthScore = ratio(big.NewInt(complete), complete+errors, 1, 3, big.NewRat(1, 1))
	a.CompletionRate = ratio(big.NewInt(100*a.CompletionCount), a.TaskThroughput, 1, 2, new(big.Rat))
	a.ErrorRate = ratio(big.NewInt(100*a.ErrorCount), a.TaskThroughput, 1, 2, new(big.Rat))
	a.AvgTaskDuration = ratio(inTasks, ended, 1e6, 3, new(big.Rat))
	a.AvgStepDuration = ratio(inSteps, ended, 1e6, 3, new(big.Rat))
	return a
}

func ratio(a *big.Int, b, unit int64, places uint8, without *big.Rat) tasker.Decimal {
	if b == 0 {
		return rounded(without, places)
	}
	return rounded(new(big.Rat).SetFrac(a, new(big.Int).Mul(big.NewInt(b), big.NewInt(unit))), places)
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
