package config

import "time"

// HTTP is the API.
type HTTP struct {
	// Listen is the address of the API; port 0 takes a free one. An address
	// beyond loopback needs tokens.
	Listen string `form:"host:port!" default:"127.0.0.1:8765" flag:"http-listen" apply:"restart"`
	// ProbeListen is the address of a second listener that has only /healthz,
	// /readyz and /metrics, for probes and scrapers. Empty: there is none. An
	// address beyond loopback needs tokens, which /metrics then asks for.
	ProbeListen string `form:"host:port" flag:"probe-listen" apply:"restart"`
	// Tokens are who may ask, each NAME:ROLE:HASH with a role reader, writer or
	// admin and the hash of a bearer token, sha256: and 64 hexadecimal digits.
	// With none, everybody who can connect may ask, and only loopback can be
	// listened on. With any, every route but /healthz and /readyz asks for one,
	// also on loopback.
	Tokens []string `form:"name:role:hash"`
	// AllowedHosts are names, without port, by which clients may call this
	// server, besides localhost and the address that they connect to. Requests
	// for other hosts are refused, which keeps web pages from reaching the
	// server through a name of their own.
	AllowedHosts []string `form:"host"`
	// AllowedOrigins are origins, such as https://ops.example, whose pages may
	// ask from a browser, besides the server's own.
	AllowedOrigins []string `form:"origin"`
	// MaxWait bounds how long a request with min_lsn waits. It must be less
	// than write_timeout.
	MaxWait time.Duration `range:"1ms..5m" default:"5s"`
	// RetryAfter is what clients are told to wait when the index is not ready
	// or not far enough; it is rounded up to whole seconds.
	RetryAfter time.Duration `range:"1s..1h" default:"1s"`
	// ConnectionsTimeout bounds asking the database for its connections in
	// /v1/health-counts; without an answer the two are null.
	ConnectionsTimeout time.Duration `range:"1ms..1m" default:"1s"`
	// DefaultLimit is how many rows a list has when no limit is asked for; at
	// most max_limit.
	DefaultLimit int `range:"1..100000" default:"100"`
	// MaxLimit is the largest limit that may be asked for.
	MaxLimit int `range:"1..100000" default:"1000"`
	// DefaultBlockers is how many blocking steps the reasons of a step list
	// when no number is asked for; at most max_limit.
	DefaultBlockers int `range:"1..100000" default:"100"`
	// DefaultPaths is how many paths the analysis of a task lists when no number
	// is asked for; at most max_paths.
	DefaultPaths int `range:"1..200" default:"5"`
	// MaxPaths is the largest number of paths that may be asked for. An analysis
	// takes time and memory in proportion to it.
	MaxPaths int `range:"1..200" default:"50"`
	// MaxBatchIDs is how many ids one request may name.
	MaxBatchIDs int `range:"1..1000000" default:"10000"`
	// MaxBodyBytes bounds a request's body.
	MaxBodyBytes Size `range:"1KiB..64MiB" default:"1MiB"`
	// MaxTransitionBytes bounds the body of a request for transitions, which may
	// hold a MiB of metadata, and be for thousands.
	MaxTransitionBytes Size `range:"1KiB..256MiB" default:"16MiB"`
	// MaxHeaderBytes bounds a request's line and headers, and so the ids in a
	// query.
	MaxHeaderBytes Size `range:"1KiB..16MiB" default:"256KiB" apply:"restart"`
	// TransitionTimeout is how long a request for transitions, or for a history,
	// may take in the database, besides max_wait and write_timeout; what is not
	// committed then is not made.
	TransitionTimeout time.Duration `range:"10ms..1h" default:"30s"`
	// ReadHeaderTimeout is the time for a request's line and headers.
	ReadHeaderTimeout time.Duration `range:"10ms..1h" default:"5s" apply:"restart"`
	// ReadTimeout is the time for a whole request.
	ReadTimeout time.Duration `range:"10ms..1h" default:"15s" apply:"restart"`
	// WriteTimeout is the time from a request's headers to the end of its
	// answer, waiting included.
	WriteTimeout time.Duration `range:"10ms..1h" default:"30s" apply:"restart"`
	// IdleTimeout is how long a connection is kept between requests.
	IdleTimeout time.Duration `range:"1s..1h" default:"2m" apply:"restart"`
	// ShutdownTimeout is how long running requests may take when the server
	// stops; their connections are cut then.
	ShutdownTimeout time.Duration `range:"1ms..10m" default:"5s"`
}
