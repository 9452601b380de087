package readiness_test

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestAgainstModel does the same random operations to the index and to the
// trivial model and compares every answer, at every publication and again at
// the end, when the views are old.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := pick(t, []tasker.Rules{tasker.RulesV01, tasker.RulesV02}, "rules")
		// A commit can be dated before what it says, where clocks differ.
		skewed := rapid.IntRange(1, 5).Draw(t, "skew") == 1
		m := newModel()
		k := &maker{t: t, m: m, apply: m.apply}
		for range rapid.IntRange(0, 25).Draw(t, "rows of the snapshot") {
			k.change()
		}
		commit := base.Add(time.Hour)
		if skewed {
			commit = base
		}
		x := load(t, m.rows(), rules, readiness.Position{LSN: 1, Time: commit})
		k.apply = func(c *tasker.Change) {
			if err := x.Apply(c); err != nil {
				t.Fatalf("%s of %s: %v", c.Op, c.Table, err)
			}
			m.apply(c)
		}
		views := []published{{x.View(), m.clone(), rules}}
		views[0].compare(t, k, skewed)
		lsn := tasker.LSN(1)
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			commit = commit.Add(time.Second)
			x.Begin(1, commit)
			for range rapid.IntRange(0, 12).Draw(t, "changes") {
				k.change()
			}
			lsn += 8
			x.Commit(lsn)
			switch rapid.IntRange(1, 4).Draw(t, "then") {
			case 1:
				continue
			case 2:
				rules = tasker.RulesV01 + tasker.RulesV02 - rules
				x.SetRules(rules)
			case 3:
				lsn += 8
				x.Advance(lsn)
			default:
				x.Publish()
			}
			p := published{x.View(), m.clone(), rules}
			if p.view.LSN() != lsn {
				t.Fatalf("published at %s, want %s", p.view.LSN(), lsn)
			}
			p.compare(t, k, skewed)
			views = append(views, p)
		}
		for i, p := range views {
			p.compare(t, k, skewed)
			compareChanges(t, views[rapid.IntRange(0, i).Draw(t, "earlier view")], p)
		}
	})
}

// rows gives the model's rows as a snapshot delivers them.
func (m *model) rows() []*tasker.Rows {
	list := []*tasker.Rows{
		{Table: tasker.TaskTransitions}, {Table: tasker.WorkflowStepEdges}, {Table: tasker.WorkflowStepTransitions},
		{Table: tasker.WorkflowSteps}, {Table: tasker.Tasks}, {Table: tasker.NamedSteps}, {Table: tasker.NamedTasks},
		{Table: tasker.TaskNamespaces},
	}
	for _, id := range sortedIDs(m.taskTransitions) {
		list[0].TaskTransitions = append(list[0].TaskTransitions, m.taskTransitions[id])
	}
	for _, id := range sortedIDs(m.edges) {
		list[1].WorkflowStepEdges = append(list[1].WorkflowStepEdges, m.edges[id])
	}
	for _, id := range sortedIDs(m.stepTransitions) {
		list[2].WorkflowStepTransitions = append(list[2].WorkflowStepTransitions, m.stepTransitions[id])
	}
	for _, id := range sortedIDs(m.steps) {
		list[3].WorkflowSteps = append(list[3].WorkflowSteps, m.steps[id])
	}
	for _, id := range sortedIDs(m.tasks) {
		list[4].Tasks = append(list[4].Tasks, m.tasks[id])
	}
	for _, id := range sortedIDs(m.namedSteps) {
		list[5].NamedSteps = append(list[5].NamedSteps, m.namedSteps[id])
	}
	for _, id := range sortedIDs(m.namedTasks) {
		list[6].NamedTasks = append(list[6].NamedTasks, m.namedTasks[id])
	}
	for _, id := range sortedIDs(m.namespaces) {
		list[7].TaskNamespaces = append(list[7].TaskNamespaces, m.namespaces[id])
	}
	return list
}

// published is a view with the rows that it should reflect.
type published struct {
	view  *readiness.View
	m     *model
	rules tasker.Rules
}

func (p published) compare(t *rapid.T, k *maker, skewed bool) {
	t.Helper()
	if err := p.view.Check(); err != nil {
		t.Fatalf("invariants: %v", err)
	}
	now := k.instant().Add(time.Duration(pick(t, []int{-60, 0, 0, 0, 30, 4000}, "away")) * time.Second)
	v, m := p.view, p.m
	same := func(what string, got, want any) {
		t.Helper()
		if d := gocmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s at %s under %s (-want +got):\n%s", what, now, p.rules, d)
		}
	}
	some := rapid.SliceOfN(rapid.SampledFrom(stepIDs), 0, 6).Draw(t, "steps asked for")
	several := rapid.SliceOfN(rapid.SampledFrom(taskIDs), 0, 5).Draw(t, "tasks asked for")
	var batch []tasker.StepReadiness
	var contexts []tasker.TaskExecutionContext
	for _, id := range taskIDs {
		want := m.stepReadiness(p.rules, id, nil, now)
		same("readiness", v.StepReadiness(id, nil, now), want)
		same("readiness of some", v.StepReadiness(id, some, now), m.stepReadiness(p.rules, id, some, now))
		if slices.Contains(several, id) {
			batch = append(batch, want...)
		}
		c, ok := m.context(p.rules, id, now)
		got, okGot := v.TaskExecutionContext(id, now)
		same("context", got, c)
		same("has context", okGot, ok)
		same("levels", v.DependencyLevels(id), m.levels(id))
		same("cycles", v.Cycles(id), m.cycles(m.stepsOf(id)))
	}
	same("all cycles", v.AllCycles(), m.cycles(stepIDs))
	slices.SortFunc(batch, func(a, b tasker.StepReadiness) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) })
	same("batch", v.StepReadinessBatch(several, now), batch)
	ordered := slices.Clone(several)
	slices.Sort(ordered)
	for _, id := range ordered {
		if c, ok := m.context(p.rules, id, now); ok {
			contexts = append(contexts, c)
		}
	}
	same("contexts", v.TaskExecutionContexts(several, now), contexts)
	same("health", v.SystemHealthCounts(), m.health())
	since := pick(t, []tasker.Timestamp{tasker.NoTime, base.Add(-time.Hour), k.instant()}, "since")
	same("analytics", v.AnalyticsMetrics(since, now), m.analytics(since, now))
	same("dag", v.StepDAGRelationships(nil), m.dag(nil))
	same("dag of some", v.StepDAGRelationships(append([]int64{}, several...)), m.dag(append([]int64{}, several...)))
	f := tasker.SlowestFilter{Since: base.Add(-time.Hour), Limit: int32(rapid.IntRange(0, 5).Draw(t, "limit"))}
	if k.chance(3) {
		f.Since, f.Namespace, f.TaskName, f.Version = k.instant(), k.maybeText(), k.maybeText(), k.maybeText()
	}
	same("slowest tasks", v.SlowestTasks(f, now), m.slowestTasks(f))
	same("slowest steps", v.SlowestSteps(f, now), m.slowestSteps(f))
	p.compareFacts(same, now)
	p.compareReady(t, same, now, skewed)
	p.compareReasons(t, same, now)
	stats := v.Stats()
	same("counts", [3]int{stats.Tasks, stats.Steps, stats.Edges}, [3]int{len(m.tasks), len(m.steps), len(m.edges)})
	var tasks []int64
	v.Tasks(func(id int64) bool { tasks = append(tasks, id); return true })
	slices.Sort(tasks)
	same("tasks", tasks, sortedIDs(m.tasks))
}

func (p published) compareReady(t *rapid.T, same func(string, any, any), now tasker.Timestamp, skewed bool) {
	var want []tasker.ReadyStep
	next := tasker.NoTime
	for id, s := range p.m.steps {
		since := p.m.readySince(id)
		if p.m.ready(p.rules, id, tasker.Infinity-1) && since > now && since != tasker.Infinity && (next == tasker.NoTime || since < next) {
			next = since
		}
		if !p.m.ready(p.rules, id, now) {
			continue
		}
		r := tasker.ReadyStep{
			WorkflowStepID: id, TaskID: s.TaskID, Name: p.m.namedSteps[int64(s.NamedStepID)].Name,
			CurrentState: p.m.state(id), Attempts: s.Attempts.Or(0), ReadySince: since,
		}
		named := p.m.namedTasks[int64(p.m.tasks[s.TaskID].NamedTaskID)]
		if _, ok := p.m.tasks[s.TaskID]; ok {
			r.TaskName, r.Version, r.NamespaceName = named.Name, named.Version, p.m.namespaces[named.TaskNamespaceID].Name
		}
		want = append(want, r)
	}
	got := p.view.ReadySteps(now, math.MaxInt, nil)
	order := func(a, b tasker.ReadyStep) int {
		return cmp.Or(cmp.Compare(a.ReadySince, b.ReadySince), cmp.Compare(a.WorkflowStepID, b.WorkflowStepID))
	}
	if !slices.IsSortedFunc(got, order) {
		t.Fatalf("ready steps are out of order: %v", got)
	}
	var paged []tasker.ReadyStep
	var after *readiness.ReadyAfter
	for {
		page := p.view.ReadySteps(now, 2, after)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		last := page[len(page)-1]
		after = &readiness.ReadyAfter{Since: last.ReadySince, WorkflowStepID: last.WorkflowStepID}
	}
	same("ready steps in pages", paged, got)
	same("ready count", p.view.ReadyCount(now), len(want))
	if skewed { // the order is then that of the commits, which the model does not know
		byID := func(a, b tasker.ReadyStep) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) }
		slices.SortFunc(got, byID)
		slices.SortFunc(want, byID)
		if d := gocmp.Diff(want, got, cmpopts.IgnoreFields(tasker.ReadyStep{}, "ReadySince"), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("ready steps (-want +got):\n%s", d)
		}
		return
	}
	slices.SortFunc(want, order)
	same("ready steps", got, want)
	same("next instant", p.view.NextInstant(now), next)
}

func (p published) compareReasons(t *rapid.T, same func(string, any, any), now tasker.Timestamp) {
	counts := map[tasker.ReasonCode]int64{}
	for _, id := range stepIDs {
		r, ok := p.view.Reasons(id, now, math.MaxInt)
		if _, exists := p.m.steps[id]; exists != ok {
			t.Fatalf("reasons of step %d: %t, want %t", id, ok, exists)
		}
		if !ok {
			continue
		}
		var codes []tasker.ReasonCode
		for _, reason := range r.Reasons {
			codes = append(codes, reason.Code)
		}
		want := p.m.failing(p.rules, id, now)
		same("reasons", codes, want)
		same("ready", r.ReadyForExecution, len(want) == 0)
		if !p.m.done(id) {
			for _, c := range want {
				counts[c]++
			}
		}
		codesOnly := cmpopts.IgnoreFields(tasker.Reason{}, "Since", "Until", "Detail")
		blockers := p.m.blockers(p.rules, id, now)
		if d := gocmp.Diff(blockers, r.Blockers, codesOnly, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("blockers of step %d (-want +got):\n%s", id, d)
		}
		few, _ := p.view.Reasons(id, now, 1)
		same("blockers omitted", few.BlockersOmitted, max(0, len(blockers)-1))
	}
	same("reason counts", p.view.Blocked(now), counts)
}
