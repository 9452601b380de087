package bench

// rowsSuite measures what it costs to keep rows right, and how soon they are.
func rowsSuite() Suite {
	return Suite{
		Name: "rows",
		What: "keep rows right in the database, and answer from them",
		Cases: []Case{
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
