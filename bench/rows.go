package bench

// rowsSuite measures answers out of the database: by the drop-in functions and
// by rows, and what it costs to keep the rows right.
func rowsSuite() Suite {
	return Suite{
		Name: "rows",
		What: "answer in the database, from rows that a follower writes",
		Cases: []Case{
			{
				Name: "readiness-exact", What: "server time of the drop-in readiness of a 10-step task, exact",
				Against: "of the engine's function", Goal: Goal{AtLeast: 1.1}, form: Advantage, run: runDropInReadiness("exact"),
			},
			{
				Name: "readiness-fast", What: "server time of the drop-in readiness of a 10-step task, fast",
				Against: "of the engine's function", Goal: Goal{AtLeast: 3}, form: Advantage, run: runDropInReadiness("fast"),
			},
			{
				Name: "contexts-fast", What: "server time of the contexts of 5,000 tasks, fast",
				Against: "of the engine's batch function", Goal: Goal{AtLeast: 30}, form: Advantage, run: runDropInContexts,
			},
			{
				Name: "batch-fast", What: "server time of the readiness of 5,000 tasks' steps, fast",
				Against: "of the engine's batch function", Goal: Goal{AtLeast: 8}, form: Advantage, run: runDropInBatch,
			},
			{
				Name: "health-fast", What: "server time of the health counts of 20,000 tasks, fast",
				Against: "of the engine's function", Goal: Goal{AtLeast: 50}, form: Advantage, run: runDropInHealth,
			},
			{
				Name: "levels-16", What: "server time of the dependency levels of 16 diamonds, exact",
				Against: "of the engine's function", Goal: Goal{AtLeast: 200}, form: Advantage, run: runDropInLevels(10, 16),
			},
			{
				Name: "levels-20", What: "server time of the dependency levels of 20 diamonds, exact",
				Against: "of the engine's function", Goal: Goal{AtLeast: 1000}, form: Advantage, run: runDropInLevels(12, 20),
			},
			{
				Name: "dag", What: "server time of the DAG view, one task among 20,000",
				Against: "of the engine's view", Goal: Goal{AtLeast: 1000}, form: Advantage, run: runDropInDAG,
			},
			{
				Name: "visible", What: "commit to visible row at 500 commits/s, p99, from COMMIT sent",
				Goal: Goal{AtMost: 20e6}, form: Share, run: runVisible(commitRate, 0),
			},
			{
				Name: "wait-idle", What: "drop-in readiness of a 10-step task, wait, on an idle database, p99",
				Goal: Goal{AtMost: 20e6}, form: Share, run: runWaitIdle,
			},
			{
				Name: "workers", What: "throughput of workers, flat out, with a projecting sidecar",
				Against: "without", Goal: Goal{AtLeast: 0.85}, form: Share, run: runWorkers,
			},
			{
				Name: "wal", What: "WAL of the projection at 500 commits/s of workers",
				Against: "WAL of the workers", Goal: Goal{AtMost: 0.02}, form: Share, run: runWAL,
			},
			{
				Name: "written", What: "rows written",
				Against: "rows that have become others", Goal: Goal{AtMost: 1.05}, form: Share, run: runWritten,
			},
			{
				Name: "reload", What: "p99 of the workers' transactions during a reload of 1,000,000 steps",
				Against: "without", Goal: Goal{AtMost: 1.5}, form: Share, run: runReload,
			},
			{
				Name: "ready", What: "server time of ready_steps LIMIT 100 of 1,000,000 steps",
				Goal: Goal{AtMost: 1e6}, form: Share, run: runReady,
			},
		},
	}
}
