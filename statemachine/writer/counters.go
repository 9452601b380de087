package writer

import "sync/atomic"

// Counters say what has been done since the writer was made, by all that came
// from it through [Writer.With].
type Counters struct {
	Transitions           int64 // written
	Repeated              int64 // answered with an earlier result
	Refused               int64 // refused for any reason, Lost included
	Lost                  int64 // of those: lost to others at every attempt
	Transactions          int64 // committed
	Retries               int64 // attempts after the first, of a transaction
	Overtaken             int64 // transitions that somebody else had flipped
	UniqueViolations      int64 // transitions that met somebody else's
	Deadlocks             int64
	SerializationFailures int64
	LockTimeouts          int64
	ConnectionsLost       int64
	CommitsInDoubt        int64 // commits whose answer was lost, found out about or not
}

type counters struct {
	transitions, repeated, refused, lost, transactions, retries, overtaken, uniqueViolations,
	deadlocks, serializationFailures, lockTimeouts, connectionsLost, commitsInDoubt atomic.Int64
}

func (c *counters) read() Counters {
	return Counters{
		Transitions: c.transitions.Load(), Repeated: c.repeated.Load(), Refused: c.refused.Load(), Lost: c.lost.Load(),
		Transactions: c.transactions.Load(), Retries: c.retries.Load(), Overtaken: c.overtaken.Load(),
		UniqueViolations: c.uniqueViolations.Load(), Deadlocks: c.deadlocks.Load(), SerializationFailures: c.serializationFailures.Load(),
		LockTimeouts: c.lockTimeouts.Load(), ConnectionsLost: c.connectionsLost.Load(), CommitsInDoubt: c.commitsInDoubt.Load(),
	}
}
