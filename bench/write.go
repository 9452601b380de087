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
		},
	}
}
