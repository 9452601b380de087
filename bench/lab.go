package bench

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

// lab is what the cases of a run share: a server, made when it is first
// needed, and data sets on it.
type lab struct {
	o          Options
	stage      func(stage string)
	server     *postgres.Server
	sets       map[string]*dataset
	shapes     []shaped // what is in the data set of that name
	arenas     map[*dataset]*arena
	real       *arena      // of the database that was given; nil: none was
	projecting *projecting // into the data set that was last asked for; nil: into none
}

// dataset is a database with the engine's tables and functions, loaded.
type dataset struct {
	url    string // over TCP
	socket string // over the unix socket; the same as url where there is none
	words  string // what is in it
	first  int64  // task id
	tasks  int    // with ids from first on
	steps  int
	edges  int

	installed bool // our schema and functions are there
	vacuumed  bool // the rows, after they were first written
}

func newLab(o Options) *lab {
	return &lab{o: o, stage: func(string) {}, sets: map[string]*dataset{}}
}

func (l *lab) close() {
	for _, a := range l.arenas {
		a.close()
	}
	if l.real != nil {
		l.real.close()
	}
	_ = l.unproject() // whoever measured with it has been told
	if l.server != nil {
		_ = l.server.Stop(context.Background()) // it ends with this process in any case
	}
}

// pick is the value for the run's size: for Quick or any other.
func pick[T any](l *lab, quick, other T) T {
	if l.o.Size == Quick {
		return quick
	}
	return other
}

// span is how long a load goes on for one sample: a fifth of what is usual where
// the suite keeps to a time.
func (l *lab) span(quick, usual time.Duration) time.Duration {
	if l.o.Budget > 0 {
		usual /= 5
	}
	return pick(l, quick, usual)
}

func (l *lab) rounds() Rounds { return Rounds{Count: l.o.Rounds} }

// round is a progress callback for Interleave.
func (l *lab) round(round, of int) {
	if round == 0 {
		l.stage("warm-up")
		return
	}
	l.stage(fmt.Sprintf("round %d of %d", round, of))
}

func (l *lab) start(ctx context.Context) (*postgres.Server, error) {
	if l.server != nil {
		return l.server, nil
	}
	l.stage("start PostgreSQL")
	server, err := postgres.Start(ctx, postgres.Options{
		ThrowAway: true,
		BinDir:    l.o.BinDir,
		// Everything fits into memory, and no checkpoint falls into a
		// measurement: what is compared is work, not a disk.
		Settings: map[string]string{
			"shared_buffers": pick(l, "128MB", "2GB"), "max_wal_size": "16GB", "checkpoint_timeout": "1d",
			"autovacuum": "off", "jit": "off", "max_parallel_workers_per_gather": "0",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("a server to measure on: %w", err)
	}
	l.server = server
	return server, nil
}

// layered is ten steps in layers 1-3-3-2-1 with twelve edges.
func layered() *workload.Workflow {
	w := workload.New("default", "layered")
	add := func(i int, parents ...int) int { return w.Add(fmt.Sprintf("step_%d", i), parents...) }
	a := add(1)
	b, c, d := add(2, a), add(3, a), add(4, a)
	e, f, g := add(5, b), add(6, c), add(7, d)
	h, i := add(8, e, f), add(9, f, g)
	add(10, h, i)
	return w
}

// layeredSpec is tasks of the workflow above at all stages.
func (l *lab) layeredSpec(tasks int) workload.Spec {
	return workload.Spec{
		Tasks: tasks, Seed: l.o.Seed,
		Mix:       []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(layered())}},
		Scenarios: []workload.Share[workload.Scenario]{{Percent: 60, Of: workload.Started}, {Percent: 15, Of: workload.Fresh}, {Percent: 15, Of: workload.Completed}, {Percent: 10, Of: workload.Exhausted}},
	}
}

// layeredSet is a data set of that.
func (l *lab) layeredSet(ctx context.Context, tasks int) (*dataset, error) {
	return l.load(ctx, fmt.Sprintf("layered%d", tasks), l.layeredSpec(tasks))
}

// load makes a database of the given name, once.
func (l *lab) load(ctx context.Context, name string, spec workload.Spec) (*dataset, error) {
	if set := l.sets[name]; set != nil {
		return set, nil
	}
	set, pool, err := l.database(ctx, name)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	l.stage("load the data set " + name)
	stats, err := loader.Load(ctx, pool, workload.Generate(spec), loader.Options{BuildIndexesAfter: true, Progress: func(s loader.Stats) {
		l.stage(fmt.Sprintf("load the data set %s: %d steps", name, s.Steps))
	}})
	if err != nil {
		return nil, err
	}
	l.stage("analyze the data set " + name)
	if _, err := pool.Exec(ctx, "VACUUM (ANALYZE, FREEZE)"); err != nil {
		return nil, err
	}
	set.first, set.tasks, set.steps, set.edges = stats.FirstTaskID, stats.Tasks, stats.Steps, stats.Edges
	set.words = words(stats)
	l.sets[name] = set
	return set, nil
}

// words say what was loaded.
func words(s loader.Stats) string {
	return fmt.Sprintf("%d tasks, %d steps, %d edges, %d step transitions", s.Tasks, s.Steps, s.Edges, s.Transitions)
}

// database makes an empty database with the engine's tables and functions.
func (l *lab) database(ctx context.Context, name string) (*dataset, *pgxpool.Pool, error) {
	server, err := l.start(ctx)
	if err != nil {
		return nil, nil, err
	}
	admin, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return nil, nil, err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	identifier := pgx.Identifier{name}.Sanitize()
	if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+identifier); err != nil { // of an attempt that failed
		return nil, nil, err
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+identifier+" TEMPLATE template0"); err != nil {
		return nil, nil, err
	}
	set := &dataset{url: server.DatabaseURL(name)}
	set.socket = withDatabase(server.SocketURL(), name, set.url)
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := testbed.Install(ctx, conn, testbed.Options{}); err != nil {
		return nil, nil, err
	}
	config, err := pgxpool.ParseConfig(set.url)
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = 10
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return set, pool, err
}

func withDatabase(server, database, otherwise string) string {
	u, err := url.Parse(server)
	if server == "" || err != nil {
		return otherwise
	}
	u.Path = "/" + database
	return u.String()
}

// describe gives the server's version and the settings that matter.
func (l *lab) describe(ctx context.Context) (version string, settings map[string]string) {
	settings = map[string]string{"GOMAXPROCS": fmt.Sprint(runtime.GOMAXPROCS(0))}
	// Of a database that was given, what weighs on figures; nothing else is ours
	// to tell.
	url, which := "", "name IN ('shared_buffers', 'effective_cache_size', 'work_mem', 'jit', 'max_parallel_workers_per_gather', 'fsync', 'synchronous_commit', 'wal_level', 'random_page_cost')"
	switch {
	case l.o.Database != nil:
		url = l.o.Database.URL
	case l.server != nil:
		url, which = l.server.URL(), "source = 'configuration file'"
	default:
		return "", settings
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", settings
	}
	defer conn.Close(ctx)
	version = conn.PgConn().ParameterStatus("server_version")
	rows, err := conn.Query(ctx, "SELECT name, current_setting(name) FROM pg_settings WHERE "+which+" ORDER BY 1")
	if err != nil {
		return version, settings
	}
	var name, value string
	_, _ = pgx.ForEachRow(rows, []any{&name, &value}, func() error { // what could be read is what there is
		settings[name] = value
		return nil
	})
	return version, settings
}
