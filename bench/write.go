package bench

// writeSuite measures transitions that are written to the engine's tables.
func writeSuite() Suite {
	return Suite{
		Name: "write",
		What: "transitions written to the engine's tables",
		Cases: []Case{
			{
				Name: "single", What: "transitions of tasks to complete, one by one, 8 clients",
				Against: "the same statements, one after another in a transaction, by pgbench", Goal: Goal{AtLeast: 0.8}, form: Advantage, run: runWriteSingle,
			},
			{
				Name: "batch", What: "failed steps back to pending, in batches of 500",
				Against: "one by one, one after another", Goal: Goal{AtLeast: 10}, form: Advantage, run: runWriteBatch,
			},
			{
				Name: "retry", What: "end of the wait after a failure to the step's being pending again, by a retrier that acts, p99",
				Goal: Goal{AtMost: 100e6}, form: Share, run: runRetry,
			},
			{
				Name: "waits", What: "lock waits that transitions impose on sessions that change the same steps, p99",
				Goal: Goal{AtMost: 5e6}, form: Share, run: runWaits,
			},
		},
	}
}
