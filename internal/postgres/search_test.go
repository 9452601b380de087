//go:build unix

package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// bare is a machine with nothing on it, as seen by the search.
func bare(t *testing.T) machine {
	empty := t.TempDir()
	return machine{
		getenv:    func(string) string { return "" },
		lookPath:  func(string) (string, error) { return "", os.ErrNotExist },
		globs:     []string{filepath.Join(empty, "*", "bin")},
		osRelease: filepath.Join(empty, "os-release"),
	}
}

// fakeDocker answers like a Docker engine that is healthy and refuses to create
// anything. It tells which requests it got.
func fakeDocker(t *testing.T) (url string, requests func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/v1."); ok { // the version of the API
			_, path, _ = strings.Cut(rest, "/")
			path = "/" + path
		}
		mu.Lock()
		got = append(got, r.Method+" "+path)
		mu.Unlock()
		w.Header().Set("Api-Version", "1.48")
		w.Header().Set("Content-Type", "application/json")
		reply := func(status int, body any) {
			w.WriteHeader(status)
			if err := json.NewEncoder(w).Encode(body); err != nil {
				t.Error(err)
			}
		}
		if strings.HasPrefix(path, "/images/") && r.Method == http.MethodGet {
			path = "an image"
		}
		switch path {
		case "an image":
			reply(http.StatusOK, map[string]any{"Id": "sha256:1", "Os": "linux", "Architecture": runtime.GOARCH})
		case "/_ping":
			w.WriteHeader(http.StatusOK)
		case "/info":
			reply(http.StatusOK, map[string]any{"ServerVersion": "28.0.0", "OperatingSystem": "Fake", "OSType": "linux"})
		case "/version":
			reply(http.StatusOK, map[string]any{"Version": "28.0.0", "ApiVersion": "1.48"})
		case "/containers/json":
			reply(http.StatusOK, []any{})
		case "/networks":
			reply(http.StatusOK, []any{map[string]any{"Name": "bridge", "Id": "1"}})
		default:
			reply(http.StatusInternalServerError, map[string]string{"message": "this engine creates nothing"})
		}
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "tcp://", 1), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

// playSearch searches a machine with only the programs in the directory of its
// argument, and prints what was tried. It is a process of its own because the
// Docker library looks at the environment once per process.
func playSearch() {
	dir := os.Args[1]
	m := thisMachine()
	m.root = true
	m.osRelease = filepath.Join(dir, "os-release")
	m.globs = []string{filepath.Join(dir, "*", "bin")}
	m.noCluster = filepath.Join(dir, "etc", "createcluster.conf")
	o, err := Options{StartTimeout: 20 * time.Second}.withDefaults()
	if err == nil {
		_, err = search(context.Background(), m, o, waysFor(o))
	}
	var missed *NotFoundError
	if !errors.As(err, &missed) {
		fmt.Println("unexpected:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(missed.Attempts); err != nil {
		panic(err)
	}
}

func TestTheWaysAreTriedInOrderUntilDockerAndThePackageRefuse(t *testing.T) {
	dir := openTemp(t)
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("os-release", "ID=debian\n")
	// Installations that are looked at and do not serve, best version first.
	write("9.6/bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n")
	write("9.6/bin/initdb", "#!/bin/sh\n")
	write("13/bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 13.4 (Debian 13.4-1)'\n")
	write("13/bin/initdb", "#!/bin/sh\n")
	write("path/apt-get", "#!/bin/sh\necho \"$@\" >>"+dir+"/apt.log\necho 'no package here' >&2\nexit 100\n")

	docker, requests := fakeDocker(t)
	cmd, lines := starter(t, "search", dir, "DOCKER_HOST="+docker, "PATH="+dir+"/path", "HOME="+dir,
		URLVariable+"=", BinVariable+"=")
	if !lines.Scan() {
		t.Fatal("the search says nothing")
	}
	var attempts []Attempt
	if err := json.Unmarshal(lines.Bytes(), &attempts); err != nil {
		t.Fatalf("the search says %q", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		way     way
		reasons []string // in this order
	}{
		{wayNamed, []string{"not set"}},
		{wayBinaries, []string{"13/bin: version 13.4, and 14 or later is needed", "9.6/bin: version 9.6, and 14"}},
		{wayContainer, []string{"Docker answers, but", "this engine creates nothing"}},
		{wayPackage, []string{"apt-get: update", "no package here"}},
	}
	if len(attempts) != len(want) {
		t.Fatalf("%d ways tried, want %d: %+v", len(attempts), len(want), attempts)
	}
	for i, w := range want {
		if attempts[i].Way != w.way.name {
			t.Errorf("way %d is %q, want %q", i+1, attempts[i].Way, w.way.name)
		}
		rest := attempts[i].Reason
		for _, reason := range w.reasons {
			_, after, found := strings.Cut(rest, reason)
			if !found {
				t.Errorf("way %d: no %q in %q", i+1, reason, rest)
			}
			rest = after
		}
	}
	got := requests()
	if !slices.Contains(got, "GET /info") || !slices.Contains(got, "POST /containers/create") {
		t.Errorf("requests to Docker: %v, want /info and then a creation", got)
	}
	if log, err := os.ReadFile(dir + "/apt.log"); err != nil || !strings.Contains(string(log), "update") {
		t.Errorf("apt-get was called with %q (%v), want update", log, err)
	}
}

func TestAWayThatServesEndsTheSearch(t *testing.T) {
	var tried []string
	try := func(name string, s *Server, err error) way {
		return way{name, func(context.Context, machine, Options) (*Server, error) {
			tried = append(tried, name)
			return s, err
		}}
	}
	found := &Server{Kind: Named, url: &url.URL{Scheme: "postgres", Host: "here"}}
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}

	s, err := search(t.Context(), bare(t), o, []way{try("a", nil, unavailablef("no")), try("b", found, nil), try("c", nil, nil)})
	if s != found || err != nil || strings.Join(tried, " ") != "a b" {
		t.Errorf("got %v, %v after %v", s, err, tried)
	}

	tried = nil
	broken := errors.New("broken")
	s, err = search(t.Context(), bare(t), o, []way{try("a", nil, broken), try("b", found, nil)})
	if s != nil || !errors.Is(err, broken) || strings.Join(tried, " ") != "a" {
		t.Errorf("what was named and fails: got %v, %v after %v", s, err, tried)
	}
}

func TestNothingFoundNamesEveryWay(t *testing.T) {
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	ways := waysFor(o)
	ways[2] = way{wayContainer.name, func(context.Context, machine, Options) (*Server, error) {
		return nil, unavailablef("Docker does not answer")
	}}
	_, err = search(t.Context(), bare(t), o, ways)
	if err == nil {
		t.Fatal("found something on a bare machine")
	}
	for _, want := range []string{URLVariable, BinVariable, "PATH", "pg_config --bindir", "Docker does not answer", "Debian and Ubuntu",
		"Install PostgreSQL 14 or later"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestWhatIsNamedMustServe(t *testing.T) {
	with := func(name, value string) machine {
		m := thisMachine()
		m.getenv = func(n string) string {
			if n == name {
				return value
			}
			return ""
		}
		return m
	}
	for name, c := range map[string]struct {
		machine machine
		options Options
		want    string
	}{
		"URL of nobody":         {with(URLVariable, "postgres://u:hush@127.0.0.1:1/x"), Options{}, "connect"},
		"URL of another kind":   {with(URLVariable, "mysql://u:hush@127.0.0.1:1/x"), Options{}, "not a URL of the form"},
		"no binaries there":     {with(BinVariable, "/nowhere"), Options{}, "no postgres there"},
		"BinDir without any":    {thisMachine(), Options{BinDir: "/nowhere"}, "no postgres there"},
		"a version yet to come": {thisMachine(), Options{ThrowAway: true, MinVersion: 990000, BinDir: localBinDir(t)}, "99 or later is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := c.options.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			_, err = search(t.Context(), c.machine, o, waysFor(o))
			if missed := (*NotFoundError)(nil); err == nil || errors.As(err, &missed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the password is in: %v", err)
			}
		})
	}
}

// localBinDir is the directory of the binaries that the tests run on.
func localBinDir(t *testing.T) string {
	t.Helper()
	s := start(t, Options{})
	if s.Kind != Binaries {
		t.Fatalf("these tests need server binaries on this machine, and found a %s", s.Kind)
	}
	return s.BinDir
}

func TestANamedServerIsUsedAndLeftAlone(t *testing.T) {
	own := start(t, Options{})
	m := bare(t)
	m.getenv = func(name string) string {
		if name == URLVariable {
			return own.URL()
		}
		return ""
	}
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s, err := search(t.Context(), m, o, waysFor(o))
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind != Named || s.Version() != own.Version() || s.BinDir != "" || s.DataDir != own.DataDir || s.Pid() != 0 {
		t.Errorf("got %v in %s", s, s.DataDir)
	}
	for what, err := range map[string]error{"StopFast": s.StopFast(t.Context()), "Kill": s.Kill(t.Context()), "Restart": s.Restart(t.Context())} {
		if !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: got %v, want ErrNotOurs", what, err)
		}
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, own.URL(), "SELECT 'alive'"); got != "alive" {
		t.Errorf("got %q", got)
	}
	for _, w := range waysFor(Options{ThrowAway: true}) {
		if w.name == wayNamed.name {
			t.Error("a named server would serve as one to throw away")
		}
	}
}

func TestANamedServersRoleMustBeASuperuser(t *testing.T) {
	own := start(t, Options{})
	m := bare(t)
	conn, err := pgx.Connect(t.Context(), own.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE ROLE plain LOGIN PASSWORD 'plain'"); err != nil {
		t.Fatal(err)
	}
	u := *own.url
	u.User = url.UserPassword("plain", "plain")
	m.getenv = func(string) string { return u.String() }
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	_, err = search(t.Context(), m, o, []way{wayNamed})
	if err == nil || !strings.Contains(err.Error(), "not a superuser") {
		t.Errorf("got %v, want one about the role", err)
	}
}

func TestBinDirsAreInOrder(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"lib/9.6/bin", "lib/14/bin", "lib/18/bin", "brew/postgresql@16/bin", "brew/postgresql@17/bin", "path", "config"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// PATH has a link into an installation that the globs find as well.
	if err := os.WriteFile(filepath.Join(dir, "lib/14/bin/postgres"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "lib/14/bin/postgres"), filepath.Join(dir, "path/postgres")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "path/pg_config")
	if err := os.WriteFile(config, []byte("#!/bin/sh\necho "+dir+"/config\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	m := bare(t)
	m.lookPath = func(name string) (string, error) { return filepath.Join(dir, "path", name), nil }
	m.globs = []string{filepath.Join(dir, "lib/*/bin"), filepath.Join(dir, "brew/postgresql*/bin")}
	var got []string
	for _, d := range m.binDirs(t.Context()) {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(real, d)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rel)
	}
	want := []string{"lib/14/bin", "config", "lib/18/bin", "lib/9.6/bin", "brew/postgresql@17/bin", "brew/postgresql@16/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseVersion(t *testing.T) {
	for out, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 150018,
		"postgres (PostgreSQL) 18.4\n":                           180004,
		"postgres (PostgreSQL) 19beta1\n":                        190000,
		"postgres (PostgreSQL) 9.6.24\n":                         90006,
		"postgres: nonsense":                                     0,
	} {
		if got, err := parseVersion(out); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: got %d, %v, want %d", out, got, err, want)
		}
	}
}

func TestIsDebian(t *testing.T) {
	for release, want := range map[string]bool{
		"ID=debian\n": true,
		"NAME=Mint\nID=mint\nID_LIKE=\"ubuntu debian\"\n": true,
		"ID=fedora\nID_LIKE=\"rhel\"\n":                   false,
		"NAME=debian\n":                                   false,
		"":                                                false,
	} {
		if got := isDebian(release); got != want {
			t.Errorf("%q: got %t", release, got)
		}
	}
}
