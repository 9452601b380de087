package bench

import "fmt"

// costCases are what it costs to keep answers ready, and how figures grow. They
// come last: they write.
func costCases() []Case {
	cases := []Case{
		{
			Name: "change-growth", What: "processor time of one change, decode to applied, against the number of tasks",
			Goal: Goal{AtMost: 0.1}, form: Share, run: runChangeGrowth,
		},
		{
			Name: "memory", What: "memory per step, RSS after the load",
			Goal: Goal{AtMost: 200}, form: Share, run: runMemory,
		},
		{
			Name: "growth", What: "time of each question against the number of tasks", form: Share, run: runGrowthOverTasks,
		},
		{
			Name: "growth-of-task", What: "time of each question about one task against its steps and edges", form: Share, run: runGrowthOverSteps,
		},
		{
			Name: "memory-growth", What: "memory of the index against steps, edges and tasks", form: Share, run: runMemoryGrowth,
		},
		{
			Name: "start", What: "start to fresh",
			Against: "the same COPYs read by psql into /dev/null, one after another", form: Share, run: runStart,
		},
	}
	for _, rate := range []int{50, 500, 1000} {
		cases = append(cases, Case{
			Name: fmt.Sprintf("commit-%d", rate), What: fmt.Sprintf("commit to answer in the index at %d commits/s, p99", rate), form: Share, run: runCommit(rate),
		})
	}
	return append(cases,
		Case{Name: "visible", What: "commit to visible row at 50 commits/s, p99, from COMMIT sent", form: Share, run: runVisible(50, 500, 1000, 0)},
		Case{Name: "workers", What: "throughput of workers, flat out, with a projecting sidecar", Against: "without", form: Share, run: runWorkers},
		Case{Name: "following", What: "throughput of workers, flat out, with a sidecar that follows and writes no rows", Against: "without", form: Share, run: runFollowing},
		Case{Name: "wal", What: "WAL of the projection at 500 commits/s of workers", Against: "WAL of the workers", form: Share, run: runWAL},
	)
}
