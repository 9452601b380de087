package derive

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// LevelByStep gives the level of each step that has one; never nil.
func LevelByStep(levels []tasker.DependencyLevel) map[int64]int32 {
	byStep := make(map[int64]int32, len(levels))
	for _, l := range levels {
		byStep[l.WorkflowStepID] = l.DependencyLevel
	}
	return byStep
}

// HighestLevel is 0 when there are no levels.
func HighestLevel(levels []tasker.DependencyLevel) int32 {
	highest := int32(0)
	for _, l := range levels {
		highest = max(highest, l.DependencyLevel)
	}
	return highest
}

// StepsAtLevel gives the ids of the steps at a level, in their order; never nil.
func StepsAtLevel(levels []tasker.DependencyLevel, level int32) []int64 {
	steps := []int64{}
	for _, l := range levels {
		if l.DependencyLevel == level {
			steps = append(steps, l.WorkflowStepID)
		}
	}
	return steps
}

// RootSteps are the steps at level 0; never nil.
func RootSteps(levels []tasker.DependencyLevel) []int64 { return StepsAtLevel(levels, 0) }
