package api

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Status is everything that a running sidecar tells about itself. The metrics
// are read from the same values. Times are null, counts 0 and strings empty
// where there is nothing to tell yet.
type Status struct {
	Version   string           `json:"version" doc:"The sidecar's version."`
	StartedAt tasker.Timestamp `json:"started_at" doc:"When this process started to follow."`
	// State is one word: starting, loading, streaming, reconnecting, stopped.
	State string           `json:"state" doc:"What the follower does: starting, loading, streaming, reconnecting or stopped."`
	Since tasker.Timestamp `json:"since" doc:"When it came into that state."`
	Ready bool             `json:"ready" doc:"Whether answers are given and none of them is stale."`

	Database      DatabaseStatus      `json:"database"`
	Replication   ReplicationStatus   `json:"replication"`
	Load          LoadStatus          `json:"load"`
	Index         IndexStatus         `json:"index"`
	Verify        VerifyStatus        `json:"verify"`
	Configuration ConfigurationStatus `json:"configuration"`
	Projection    ProjectionStatus    `json:"projection"`
	Events        EventsStatus        `json:"events"`
	Maintenance   []ServiceStatus     `json:"maintenance" doc:"The maintenance services."`
	Writer        WriterStatus        `json:"writer"`
}

// WriterStatus is what was done about transitions that were asked for.
type WriterStatus struct {
	Transitions  int64 `json:"transitions" doc:"Transitions written."`
	Repeated     int64 `json:"repeated" doc:"Requests answered with what an earlier one under the same key had made."`
	Refused      int64 `json:"refused" doc:"Requests refused."`
	Transactions int64 `json:"transactions" doc:"Transactions committed for them."`
	Retries      int64 `json:"retries" doc:"Attempts after the first, of a transaction."`
	// Races are how often something else was in the way, by kind.
	Races map[string]int64 `json:"races" doc:"How often something was in the way, by kind: overtaken, unique_violation, deadlock, serialization_failure, lock_timeout, connection_lost, commit_in_doubt."`
}

// DatabaseStatus is which database is followed, under which rules.
type DatabaseStatus struct {
	SystemIdentifier string `json:"system_identifier" doc:"The cluster's identifier, as IDENTIFY_SYSTEM gives it."`
	Timeline         int32  `json:"timeline" doc:"The cluster's timeline."`
	ServerVersion    string `json:"server_version" doc:"The server's version."`
	Name             string `json:"name" doc:"The database's name."`
	Schema           string `json:"schema" doc:"The schema that holds the engine's tables."`
	Rules            string `json:"rules" doc:"The readiness rules that are applied: v01 or v02."`
	RulesProvisional bool   `json:"rules_provisional" doc:"Whether the rules are assumed, because no step yet tells them apart."`
}

// ReplicationStatus is how far the log is followed. Positions only grow within
// one timeline; bytes are differences of positions.
type ReplicationStatus struct {
	Slot           string           `json:"slot" doc:"The replication slot's name."`
	Publication    string           `json:"publication" doc:"The publication's name."`
	ServerLSN      tasker.LSN       `json:"server_lsn" doc:"The newest position that the server is known to have."`
	AppliedLSN     tasker.LSN       `json:"applied_lsn" doc:"The position up to which everything is in the index."`
	ConfirmedLSN   tasker.LSN       `json:"confirmed_lsn" doc:"The position that has been confirmed to the server."`
	LagBytes       int64            `json:"lag_bytes" doc:"server_lsn less applied_lsn."`
	LagSeconds     float64          `json:"lag_seconds" doc:"From the commit of the transaction applied last, by the server's clock, to its being applied."`
	WALBehindBytes int64            `json:"wal_behind_bytes" doc:"Write-ahead log that the server keeps for the slot."`
	SpilledBytes   int64            `json:"spilled_bytes" doc:"What decoding has written to the server's disk for transactions that are not finished."`
	Transactions   int64            `json:"transactions" doc:"Transactions applied since the start."`
	Changes        int64            `json:"changes" doc:"Row changes applied since the start."`
	Reconnects     int64            `json:"reconnects" doc:"How often the replication connection was made anew."`
	LastError      string           `json:"last_error" doc:"What ended the last connection."`
	LastErrorAt    tasker.Timestamp `json:"last_error_at" doc:"When it did."`
}

// LoadStatus is about snapshots.
type LoadStatus struct {
	Snapshots     int64            `json:"snapshots" doc:"Snapshots loaded since the start."`
	Rows          int64            `json:"rows" doc:"Rows loaded of the current or the last snapshot."`
	RowsEstimated int64            `json:"rows_estimated" doc:"How many there are, by the server's estimate."`
	StartedAt     tasker.Timestamp `json:"started_at" doc:"When the current or the last load began."`
	FinishedAt    tasker.Timestamp `json:"finished_at" doc:"When it was done; null while it goes on."`
}

// IndexStatus is what is in the index.
type IndexStatus struct {
	Tasks int64 `json:"tasks" doc:"Tasks."`
	Steps int64 `json:"steps" doc:"Workflow steps."`
	Edges int64 `json:"edges" doc:"Edges between steps."`
	Bytes int64 `json:"bytes" doc:"Memory that the index takes, by its own account."`
	Ready int64 `json:"ready" doc:"Steps that can run now."`
	// Blocked counts a step once under every cause that holds.
	Blocked map[tasker.ReasonCode]int64 `json:"blocked" doc:"Steps that cannot run, by cause; a step counts under each cause that holds."`
	// Anomalies are rows that mean something nobody defined, by kind.
	Anomalies map[string]int64 `json:"anomalies" doc:"Rows with no defined meaning, by kind, such as an edge to a missing step."`
}

// ProjectionStatus is how the rows in the database are written.
type ProjectionStatus struct {
	State       string           `json:"state" doc:"What the projection does: off, following (another sidecar leads, or none), reconciling or projecting."`
	Refused     string           `json:"refused" doc:"Why rows are not written, as far as the database is the reason; empty otherwise."`
	Leader      string           `json:"leader" doc:"The sidecar that writes rows."`
	Epoch       int64            `json:"epoch" doc:"The leader's epoch."`
	WrittenLSN  tasker.LSN       `json:"written_lsn" doc:"The position that the rows reflect; 0/0 unless this sidecar writes them."`
	Flushes     int64            `json:"flushes" doc:"Transactions that wrote rows, or how old they are, since the start."`
	Compactions int64            `json:"compactions" doc:"How often tables of rows that had grown too large were filled anew, since the start."`
	Rows        int64            `json:"rows" doc:"Rows written or deleted since the start."`
	FlushMillis float64          `json:"flush_ms" doc:"How long the last of those transactions took."`
	FlushedAt   tasker.Timestamp `json:"flushed_at" doc:"When it was done; null before the first."`
}

// EventsStatus is what is told as it is committed.
type EventsStatus struct {
	Published int64 `json:"published" doc:"Events made since the start; none are while nobody reads."`
	Gaps      int64 `json:"gaps" doc:"How often events had to be left out, of which readers were told."`
	Unnamed   int64 `json:"unnamed" doc:"Transitions to states that the engine does not know: they have no event."`
	Readers   int64 `json:"readers" doc:"Who reads events now."`
	Dropped   int64 `json:"dropped" doc:"Readers that were sent away because they were too slow."`
	Queued    int64 `json:"queued" doc:"Transitions that wait to become events."`
}

// VerifyStatus is what continuous verification has found.
type VerifyStatus struct {
	Passes      int64            `json:"passes" doc:"Passes done since the start."`
	Compared    int64            `json:"compared" doc:"Tasks compared."`
	Undecided   int64            `json:"undecided" doc:"Tasks that changed meanwhile."`
	Differences int64            `json:"differences" doc:"Fields found to differ from the database's own functions."`
	LastAt      tasker.Timestamp `json:"last_at" doc:"When the last pass was done."`
}

// ServiceStatus is how a maintenance service is.
type ServiceStatus struct {
	Service   string `json:"service" doc:"retrier, rescuer, canceller, finalizer or enqueuer."`
	Mode      string `json:"mode" doc:"off, observe (it says what it would do) or act."`
	State     string `json:"state" doc:"running; paused by an operator; stopped by itself, because its budget was spent; refused, because it cannot act here."`
	Why       string `json:"why" doc:"Why it is paused, stopped or refused."`
	Due       int64  `json:"due" doc:"Acts that are due, or would be if it acted; 0 where another sidecar leads."`
	Later     int64  `json:"later" doc:"Acts whose time has not come."`
	Done      int64  `json:"done" doc:"Acts done by this process."`
	Overtaken int64  `json:"overtaken" doc:"Acts given up because somebody else was faster."`
	Failed    int64  `json:"failed" doc:"Tries that failed, and are made again."`
	LastError string `json:"last_error" doc:"The last failure; empty once an act has succeeded."`
}
