package bench

// followSuite measures following a live database, and answering while it changes.
func followSuite() Suite {
	return Suite{
		Name: "follow",
		What: "follow a database: load it, keep up with it, and answer meanwhile",
		Cases: []Case{
			{
				Name: "loader", What: "loading generated workflows, steps/s, edges and transitions included",
				Goal: Goal{AtLeast: 50_000}, form: Share, run: runLoader,
			},
			{
				Name: "http", What: "readiness of a 10-step task over HTTP, requests/s",
				Against: "the engine's function through pgx, equal clients", Goal: Goal{AtLeast: 2}, form: Advantage, run: runHTTP,
			},
			{
				Name: "snapshot", What: "snapshot load, rows/s",
				Against: "the same COPYs read by psql into /dev/null, one after another", Goal: Goal{AtLeast: 1}, form: Share, run: runSnapshot,
			},
			{
				Name: "start", What: "start to fresh",
				Against: "the same COPYs read by psql into /dev/null, one after another", Goal: Goal{AtMost: 1.5}, form: Share, run: runStart,
			},
			{
				Name: "apply", What: "applying a recorded stretch of WAL, changes/s",
				Against: "pg_recvlogical of the same stretch, same options, to /dev/null", Goal: Goal{AtLeast: 0.9}, form: Share, run: runApply,
			},
			{
				Name: "commit", What: "commit to answer in the index at 500 commits/s, p99",
				Goal: Goal{AtMost: 5e6}, form: Share, run: runCommit(commitRate),
			},
			{
				Name: "memory", What: "memory per step, 1.2 edges each, RSS after the load",
				Goal: Goal{AtMost: 200}, form: Share, run: runMemory,
			},
			{
				Name: "read-under-load", What: "CPU time of a read while recorded changes are applied flat out",
				Against: "of a read alone", Goal: Goal{AtMost: 1.25}, form: Share, run: runReadUnderLoad,
			},
			{
				Name: "change-cost", What: "CPU time to decode and apply one change, many tasks",
				Against: "the same with 1,000 tasks", Goal: Goal{AtMost: 2}, form: Share, run: runChangeCost,
			},
		},
	}
}
