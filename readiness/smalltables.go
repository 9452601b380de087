package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Changes of the rows of the small tables: named steps, named tasks and
// namespaces.

// keep returns what a row's text column is now: the value that the log
// carries, or the one before where it left it out.
func keep(c *tasker.Change, column uint, carried string, before name) (string, error) {
	switch {
	case !lacks(c, column):
		return carried, nil
	case before.row:
		return before.name, nil
	}
	return "", only(c, 0)
}

func before(n *names, id int64) name {
	if number := n.byID.get(id); number != 0 {
		return *n.at(number)
	}
	return name{}
}

func (x *Index) applyNamedStep(c *tasker.Change, old int64) error {
	was := before(&x.namedSteps, old)
	if was.row && (c.Op == tasker.Delete || old != c.Key) {
		x.setStepName(x.namedSteps.byID.get(old), "", false)
	}
	if c.Op == tasker.Delete {
		return nil
	}
	if err := only(c, 1<<1); err != nil {
		return err
	}
	text, err := keep(c, 1, c.NamedStep.Name, was)
	if err != nil {
		return err
	}
	x.setStepName(x.namedSteps.ensure(c.Key), text, true)
	return nil
}

// setStepName gives a named step its row or takes it away. Steps whose named
// step comes or goes gain or lose their readiness row: they are looked for
// among all, which a foreign key makes as rare as a TRUNCATE.
func (x *Index) setStepName(n uint32, text string, row bool) {
	m := x.namedSteps.edit(n)
	if m.row != row && m.uses > 0 {
		for i := uint32(1); i <= x.stepNumber.last; i++ {
			if s := x.step(i); s.has(hasRow) && s.named == n {
				x.touchStep(i)
			}
		}
	}
	m.name, m.row = text, row
}

func (x *Index) applyNamedTask(c *tasker.Change, old int64) error {
	was := before(&x.namedTasks, old)
	if was.row && (c.Op == tasker.Delete || old != c.Key) {
		x.dropNamedTask(x.namedTasks.byID.get(old))
	}
	if c.Op == tasker.Delete {
		return nil
	}
	if err := only(c, 1<<1|1<<3); err != nil {
		return err
	}
	row := &c.NamedTask
	text, err := keep(c, 1, row.Name, was)
	if err != nil {
		return err
	}
	was.name = was.version
	version, err := keep(c, 3, row.Version, was)
	if err != nil {
		return err
	}
	m := x.namedTasks.edit(x.namedTasks.ensure(c.Key))
	m.name, m.version, m.parent, m.row = text, version, x.namespaces.ensure(row.TaskNamespaceID), true
	return nil
}

func (x *Index) dropNamedTask(n uint32) {
	m := x.namedTasks.edit(n)
	m.name, m.version, m.parent, m.row = "", "", 0, false
}

func (x *Index) applyNamespace(c *tasker.Change, old int64) error {
	was := before(&x.namespaces, old)
	if was.row && (c.Op == tasker.Delete || old != c.Key) {
		x.setNamespace(x.namespaces.byID.get(old), "", false)
	}
	if c.Op == tasker.Delete {
		return nil
	}
	if err := only(c, 1<<1); err != nil {
		return err
	}
	text, err := keep(c, 1, c.TaskNamespace.Name, was)
	if err != nil {
		return err
	}
	x.setNamespace(x.namespaces.ensure(c.Key), text, true)
	return nil
}

func (x *Index) setNamespace(n uint32, text string, row bool) {
	m := x.namespaces.edit(n)
	m.name, m.row = text, row
}
