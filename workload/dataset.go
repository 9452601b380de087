package workload

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Dataset is everything about some tasks in the tables that are followed, for
// use without a database.
type Dataset struct {
	TaskNamespaces   []tasker.TaskNamespace
	DependentSystems []tasker.DependentSystem
	NamedTasks       []tasker.NamedTask
	NamedSteps       []tasker.NamedStep
	Rows

	ids IDs
	at  tasker.Timestamp

	namespaces, systems map[string]int32
	tasks               map[NamedTaskKey]int32
	steps               map[NamedStepKey]int32
}

// NewDataset is an empty data set whose ids begin at 1; the named rows are
// dated by at.
func NewDataset(at tasker.Timestamp) *Dataset {
	return &Dataset{
		ids: IDs{From(1), From(1), From(1), From(1), From(1)}, at: at,
		namespaces: map[string]int32{}, systems: map[string]int32{},
		tasks: map[NamedTaskKey]int32{}, steps: map[NamedStepKey]int32{},
	}
}

// Add makes the rows of a batch.
func (d *Dataset) Add(b *Batch) { d.Rows.Add(b, &d.ids, d) }

// NamedTaskID finds the named task, or makes it.
func (d *Dataset) NamedTaskID(w *Workflow) int32 {
	key := w.Key()
	id, ok := d.tasks[key]
	if !ok {
		ns, ok := d.namespaces[w.Namespace]
		if !ok {
			ns = int32(len(d.namespaces) + 1)
			d.namespaces[w.Namespace] = ns
			d.TaskNamespaces = append(d.TaskNamespaces, tasker.TaskNamespace{TaskNamespaceID: ns, Name: w.Namespace, CreatedAt: d.at, UpdatedAt: d.at})
		}
		id = int32(len(d.tasks) + 1)
		d.tasks[key] = id
		d.NamedTasks = append(d.NamedTasks, tasker.NamedTask{
			NamedTaskID: id, Name: w.Name, Version: w.Version, TaskNamespaceID: int64(ns), CreatedAt: d.at, UpdatedAt: d.at,
		})
	}
	return id
}

// NamedStepID finds the named step, or makes it.
func (d *Dataset) NamedStepID(s *Step) int32 {
	key := s.Key()
	id, ok := d.steps[key]
	if !ok {
		system, ok := d.systems[key.System]
		if !ok {
			system = int32(len(d.systems) + 1)
			d.systems[key.System] = system
			d.DependentSystems = append(d.DependentSystems, tasker.DependentSystem{DependentSystemID: system, Name: key.System, CreatedAt: d.at, UpdatedAt: d.at})
		}
		id = int32(len(d.steps) + 1)
		d.steps[key] = id
		d.NamedSteps = append(d.NamedSteps, tasker.NamedStep{
			NamedStepID: id, DependentSystemID: system, Name: s.Name, CreatedAt: d.at, UpdatedAt: d.at,
		})
	}
	return id
}
