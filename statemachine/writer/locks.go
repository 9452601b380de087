package writer

import "github.com/tasker-sidecar/tasker-sidecar/statemachine"

// Tags of the advisory locks' keys.
const (
	taskTag = 'T'
	stepTag = 'W'
)

// LockKey is the key of the advisory lock on a task or step; see the package
// comment. Tasks come before steps, and each by id.
func LockKey(kind statemachine.Kind, id int64) int64 {
	tag := int64(taskTag)
	if kind == statemachine.Step {
		tag = stepTag
	}
	return tag<<56 | id&(1<<56-1)
}
