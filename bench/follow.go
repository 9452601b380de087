package bench

// followSuite measures following a live database and answering from the index.
func followSuite() Suite {
	return Suite{
		Name: "follow",
		What: "follow a database and answer from the index",
	}
}
