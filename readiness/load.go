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
	rows := flatten(l.steps)
	l.steps = nil
	tasks := make([]uint32, len(rows))
	for i, r := range rows {
		if i > 0 && r.task == rows[i-1].task {
			tasks[i] = tasks[i-1]
		} else {
			tasks[i] = x.ensureTask(r.task)
		}
	}
	byID := func(a, b uint32) int { return cmp.Compare(rows[a].step.id, rows[b].step.id) }
	byTask := groupBy(tasks, x.taskNumber.last)
	for tn := range x.taskNumber.last + 1 {
		var steps members
		for i, at := range byTask.at(tn, byID) {
			r := rows[at]
			n := x.ensureStep(r.step.id)
			s := x.editStep(n)
			*s = r.step
			s.task, s.named = tn, x.namedSteps.ensure(r.named)
			x.namedSteps.use(s.named, 1)
			steps.insert(i, n)
		}
		if steps.count > 0 {
			x.editTask(tn).steps = steps
		}
	}
}

// flatten gives pointers to all rows, in the order in which they came.
func flatten[T any](lists [][]T) []*T {
	total := 0
	for _, list := range lists {
		total += len(list)
	}
	all := make([]*T, 0, total)
	for _, list := range lists {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}

// groups are the places of rows by the group to which each belongs.
type groups struct {
	ends   []uint32 // of each group among the places
	places []uint32
}

// groupBy sorts rows into groups. These are numbers up to last, so that they
// are counted, not compared.
func groupBy(of []uint32, last uint32) groups {
	g := groups{make([]uint32, last+2), make([]uint32, len(of))}
	for _, group := range of {
		g.ends[group+1]++
	}
	for group := range last + 1 {
		g.ends[group+1] += g.ends[group]
	}
	for place, group := range of { // where the group begins, and at last ends
		g.places[g.ends[group]] = uint32(place)
		g.ends[group]++
	}
	return g
}

// at gives the places of a group, in the order of compare. Few enough are in
// one, and most come in order.
func (g *groups) at(group uint32, compare func(a, b uint32) int) []uint32 {
	from := uint32(0)
	if group > 0 {
		from = g.ends[group-1]
	}
	list := g.places[from:g.ends[group]]
	slices.SortFunc(list, compare)
	return list
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
	rows := flatten(l.edges)
	l.edges = nil
	children := make([]uint32, len(rows))
	for i, r := range rows {
		children[i] = x.ensureStep(r.to)
		x.ensureStep(r.from)
	}
	byID := func(a, b uint32) int { return cmp.Compare(rows[a].id, rows[b].id) }
	byChild := groupBy(children, x.stepNumber.last)
	// Linked from the last to the first, the lists begin with the oldest edge,
	// which is the first to be deleted when a task is.
	n := uint32(len(rows))
	x.edgeNumber.last = n
	for to := x.stepNumber.last; n > 0; to-- {
		for _, at := range slices.Backward(byChild.at(to, byID)) {
			e := rows[at]
			x.edgeIDs.set(e.id, n)
			x.link(n, e.id, x.stepIDs.get(e.from), to)
			n--
		}
	}
}
