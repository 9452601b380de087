package readiness

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Load collects the rows of a snapshot, in any order and from any number of
// goroutines, and makes an index of them.
type Load struct {
	options Options
	mu      sync.Mutex
	states  texts
	others  texts

	namespaces      []tasker.TaskNamespace
	namedTasks      []tasker.NamedTask
	namedSteps      []tasker.NamedStep
	tasks           [][]loadedTask
	steps           [][]loadedStep
	edges           [][]loadedEdge
	taskTransitions [][]loadedTransition
	stepTransitions [][]loadedTransition
}

type (
	loadedTask struct {
		task  task
		named int64
	}
	loadedStep struct {
		step        step
		task, named int64
	}
	loadedEdge struct{ id, from, to int64 }
	// loadedTransition is a most recent one; the others are not kept.
	loadedTransition struct {
		id, parent int64
		at         tasker.Timestamp
		state      uint16
	}
)

// NewLoad starts a load.
func NewLoad(o Options) *Load {
	return &Load{options: o.withDefaults(), states: newStates(), others: newTexts()}
}

// Add takes in a batch and copies what it keeps. It is safe for concurrent use.
func (l *Load) Add(rows *tasker.Rows) error {
	switch rows.Table {
	case tasker.TaskNamespaces:
		l.mu.Lock()
		l.namespaces = append(l.namespaces, rows.TaskNamespaces...)
		l.mu.Unlock()
	case tasker.NamedTasks:
		l.mu.Lock()
		l.namedTasks = append(l.namedTasks, rows.NamedTasks...)
		l.mu.Unlock()
	case tasker.NamedSteps:
		l.mu.Lock()
		l.namedSteps = append(l.namedSteps, rows.NamedSteps...)
		l.mu.Unlock()
	case tasker.Tasks:
		l.addTasks(rows.Tasks)
	case tasker.WorkflowSteps:
		l.addSteps(rows.WorkflowSteps)
	case tasker.WorkflowStepEdges:
		l.addEdges(rows.WorkflowStepEdges)
	case tasker.TaskTransitions:
		return l.addTransitions(&l.taskTransitions, rows.TaskTransitions)
	case tasker.WorkflowStepTransitions:
		return l.addTransitions(&l.stepTransitions, rows.WorkflowStepTransitions)
	}
	return nil
}

func (l *Load) addTasks(rows []tasker.Task) {
	list := make([]loadedTask, len(rows))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range rows {
		r := &rows[i]
		list[i] = loadedTask{named: int64(r.NamedTaskID), task: task{
			id: r.TaskID, createdAt: r.CreatedAt,
			initiator: l.others.nullable(r.Initiator), source: l.others.nullable(r.SourceSystem),
			flags: hasRow | flag(r.Complete, taskComplete),
		}}
	}
	l.tasks = append(l.tasks, list)
}

func (l *Load) addSteps(rows []tasker.WorkflowStep) {
	list := make([]loadedStep, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = loadedStep{task: r.TaskID, named: int64(r.NamedStepID), step: step{id: r.WorkflowStepID}}
		list[i].step.setColumns(r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, list)
}

func (l *Load) addEdges(rows []tasker.WorkflowStepEdge) {
	list := make([]loadedEdge, len(rows))
	for i, r := range rows {
		list[i] = loadedEdge{r.ID, r.FromStepID, r.ToStepID}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edges = append(l.edges, list)
}

func (l *Load) addTransitions(to *[][]loadedTransition, rows []tasker.Transition) error {
	list := make([]loadedTransition, 0, len(rows))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range rows {
		r := &rows[i]
		if !r.MostRecent {
			continue
		}
		state, err := l.states.state(r.ToState)
		if err != nil {
			return err
		}
		list = append(list, loadedTransition{r.ID, r.ParentID, r.CreatedAt, state})
	}
	*to = append(*to, list)
	return nil
}

// errFinished is returned where a load is finished a second time.
var errFinished = errors.New("the load is finished already")

// Finish makes the index and publishes it at the snapshot's position. The load
// is empty afterwards.
func (l *Load) Finish(at Position) (*Index, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.states.list == nil {
		return nil, errFinished
	}
	x := newIndex(l.options, l.states, l.others)
	l.states, l.others = texts{}, texts{}
	x.lsn, x.commitTime, x.lastSeen = at.LSN, at.Time, at.Time
	l.buildNames(x)
	l.buildTasks(x)
	l.buildSteps(x)
	l.buildTransitions(x)
	l.buildEdges(x)
	x.recount()
	x.Publish()
	return x, nil
}

func (l *Load) buildNames(x *Index) {
	for i := range l.namespaces {
		x.setNamespace(x.namespaces.ensure(int64(l.namespaces[i].TaskNamespaceID)), l.namespaces[i].Name, true)
	}
	for i := range l.namedSteps {
		x.setStepName(x.namedSteps.ensure(int64(l.namedSteps[i].NamedStepID)), l.namedSteps[i].Name, true)
	}
	for i := range l.namedTasks {
		r := &l.namedTasks[i]
		m := x.namedTasks.edit(x.namedTasks.ensure(int64(r.NamedTaskID)))
		m.name, m.version, m.parent, m.row = r.Name, r.Version, x.namespaces.ensure(r.TaskNamespaceID), true
	}
	l.namespaces, l.namedSteps, l.namedTasks = nil, nil, nil
}

func (l *Load) buildTasks(x *Index) {
	for i, list := range l.tasks {
		for j := range list {
			r := &list[j]
			t := x.editTask(x.ensureTask(r.task.id))
			*t = r.task
			t.named = x.namedTasks.ensure(r.named)
			x.namedTasks.use(t.named, 1)
		}
		l.tasks[i] = nil
	}
	l.tasks = nil
}

// buildSteps numbers the steps task by task, so that what is read together
// lies together.
func (l *Load) buildSteps(x *Index) {
	type place struct {
		task, id int64
		row      *loadedStep
	}
	total := 0
	for _, list := range l.steps {
		total += len(list)
	}
	order := make([]place, 0, total)
	for _, list := range l.steps {
		for i := range list {
			order = append(order, place{list[i].task, list[i].step.id, &list[i]})
		}
	}
	slices.SortFunc(order, func(a, b place) int {
		if c := cmp.Compare(a.task, b.task); c != 0 {
			return c
		}
		return cmp.Compare(a.id, b.id)
	})
	for len(order) > 0 {
		k := 1
		for k < len(order) && order[k].task == order[0].task {
			k++
		}
		tn := x.ensureTask(order[0].task)
		var steps members
		for i, p := range order[:k] {
			n := x.ensureStep(p.id)
			s := x.editStep(n)
			*s = p.row.step
			s.task, s.named = tn, x.namedSteps.ensure(p.row.named)
			x.namedSteps.use(s.named, 1)
			steps.insert(i, n)
		}
		x.editTask(tn).steps = steps
		order = order[k:]
	}
	l.steps = nil
}

func (l *Load) buildTransitions(x *Index) {
	for i, list := range l.stepTransitions {
		for _, r := range list {
			n := x.ensureStep(r.parent)
			s := x.editStep(n)
			s.flags |= hasState
			s.transitionID, s.state, s.stateAt = r.id, r.state, r.at
			x.stepTransitions.set(r.id, n)
		}
		l.stepTransitions[i] = nil
	}
	for i, list := range l.taskTransitions {
		for _, r := range list {
			n := x.ensureTask(r.parent)
			t := x.editTask(n)
			t.flags |= hasState
			t.transitionID, t.state, t.statusAt = r.id, r.state, r.at
			x.taskTransitions.set(r.id, n)
		}
		l.taskTransitions[i] = nil
	}
	l.stepTransitions, l.taskTransitions = nil, nil
}

// buildEdges numbers the edges by their child, for the same reason.
func (l *Load) buildEdges(x *Index) {
	total := 0
	for _, list := range l.edges {
		total += len(list)
	}
	type link struct {
		id       int64
		from, to uint32
	}
	links := make([]link, 0, total)
	for i, list := range l.edges {
		for _, r := range list {
			links = append(links, link{r.id, x.ensureStep(r.from), x.ensureStep(r.to)})
		}
		l.edges[i] = nil
	}
	l.edges = nil
	slices.SortFunc(links, func(a, b link) int {
		if c := cmp.Compare(a.to, b.to); c != 0 {
			return c
		}
		return cmp.Compare(a.id, b.id)
	})
	// Linked from the last to the first, the lists begin with the oldest edge,
	// which is the first to be deleted when a task is.
	x.edgeNumber.last = uint32(len(links))
	for i := len(links) - 1; i >= 0; i-- {
		e, n := links[i], uint32(i+1)
		x.edgeIDs.set(e.id, n)
		x.link(n, e.id, e.from, e.to)
	}
}
