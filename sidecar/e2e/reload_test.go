package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// answer asks the API and decodes what it says.
func (p *process) answer(method, path, body string, out any) int {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.address+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		p.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return r.StatusCode
}

// option is what GET /v1/config says of one, "value, layer".
func (p *process) option(key string) string {
	p.t.Helper()
	var report struct {
		Options []struct {
			Key, Value, Layer string
			Pending           bool
		}
	}
	p.answer(http.MethodGet, "/v1/config", "", &report)
	for _, o := range report.Options {
		if o.Key == key {
			pending := map[bool]string{true: ", pending"}[o.Pending]
			return o.Value + ", " + o.Layer + pending
		}
	}
	p.t.Fatalf("%s is not among the options", key)
	return ""
}

func (p *process) says(key, want string) {
	p.t.Helper()
	got := ""
	defer func() {
		if p.t.Failed() {
			p.t.Logf("%s is %s", key, got)
		}
	}()
	followtest.Eventually(p.t, fmt.Sprintf("%s to be %s", key, want), func() bool { got = p.option(key); return got == want })
}

// status is a part of what GET /v1/status says.
func (p *process) status() (s struct {
	Configuration struct {
		Reloads, Refused, Pending int64
		Error, Database           string
	}
	Verify      struct{ Passes int64 }
	Maintenance []struct{ Service, Mode string }
}) {
	p.t.Helper()
	p.answer(http.MethodGet, "/v1/status", "", &s)
	return s
}

// finished runs the program to its end, and gives what it says.
func finished(t *testing.T, args ...string) (string, int) {
	t.Helper()
	c := exec.Command(binary, args...)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// TestReload: options change while the sidecar runs, from every source, in every
// part of it; what is wrong changes nothing; and what waits for a restart says so.
func TestReload(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	dir := t.TempDir()
	file := filepath.Join(dir, "tasker.yml")
	write := func(lines ...string) {
		t.Helper()
		// As editors do: beside it, and over it.
		if err := os.WriteFile(file+"~", []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
	base := []string{"log: {format: json}", "http: {listen: '127.0.0.1:0'}", "reload: {debounce: 20ms}", "database: {url: '" + url + "'}"}
	with := func(lines ...string) { t.Helper(); write(append(slices.Clone(base), lines...)...) }
	with("maintenance: {retrier: off}")
	p := start(t, "run", "--config", file)
	p.ready()

	// Maintenance, verification and the log.
	mode := func(want string) func() bool {
		return func() bool {
			for _, s := range p.status().Maintenance {
				if s.Service == "retrier" {
					return s.Mode == want
				}
			}
			return false
		}
	}
	if !mode("off")() || p.status().Verify.Passes != 0 {
		t.Errorf("%+v", p.status())
	}
	with("maintenance: {retrier: observe}", "verify: {continuous: true, interval: 1s}")
	followtest.Eventually(t, "the retrier to observe", mode("observe"))
	followtest.Eventually(t, "a pass of verification", func() bool { return p.status().Verify.Passes > 0 })

	// A file that is wrong is refused whole, with the place, and again once.
	refused := p.status().Configuration.Refused
	with("maintenance: {retrier: off}", "verify: {continuouss: true}")
	followtest.Eventually(t, "the refusal", func() bool { return p.status().Configuration.Refused == refused+1 })
	if s := p.status(); !strings.Contains(s.Configuration.Error, "verify.continuous?") || !strings.Contains(s.Configuration.Error, "tasker.yml:6:") || !mode("observe")() {
		t.Errorf("%+v", s)
	}
	with("replication: {slot_prefix: other}")
	followtest.Eventually(t, "it to be right again", func() bool { s := p.status().Configuration; return s.Error == "" && s.Pending == 1 })
	p.says("replication.slot_prefix", "tasker_sidecar, default, pending")

	// The database: its command is heard of; limits of requests.
	set := func(code int, args ...string) string {
		t.Helper()
		out, got := finished(t, append([]string{"config"}, append(args, "--config", file)...)...)
		if got != code {
			t.Errorf("%q: exit code %d: %s", args, got, out)
		}
		return out
	}
	if code := p.answer(http.MethodGet, "/v1/steps/ready?limit=2000", "", nil); code != http.StatusBadRequest {
		t.Errorf("a limit of 2000 is allowed: %d", code)
	}
	set(0, "set", "http.max_limit", "3000", "--reason", "a test")
	followtest.Eventually(t, "the limit to be allowed", func() bool { return p.answer(http.MethodGet, "/v1/steps/ready?limit=2000", "", nil) == http.StatusOK })
	p.says("http.max_limit", "3000, database")
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"get", "http.max_limit"}, []string{"3000\n"}},
		{[]string{"explain", "http.max_limit"}, []string{"= 3000\n", "database, change ", "tasker-sidecar config set http.max_limit VALUE"}},
		{[]string{"get", "http.max_limit", "--no-database"}, []string{"1000\n"}},
		{[]string{"get", "http.max_limit", "--database-url", "postgres://127.0.0.1:1/nowhere"}, []string{"1000\n", "cannot be read", "--no-database"}},
	} {
		out := set(0, c.args...)
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("%q says no %q: %s", c.args, says, out)
			}
		}
	}
	set(2, "set", "http.max_limit", "0")
	set(2, "set", "http.max_limit", "50") // below http.default_limit
	set(2, "set", "http.max_limt", "50")
	set(2, "set", "database.url", "postgres://x")
	set(0, "set", "http.max_limit", "4000")
	if out := set(0, "history", "http.max_limit"); strings.Count(out, "http.max_limit: ") != 2 || !strings.Contains(out, "a test") {
		t.Errorf("history: %s", out)
	}
	set(1, "rollback") // it shows, and needs --yes
	set(0, "rollback", "--dry-run")
	set(0, "rollback", "--yes", "--json")
	p.says("http.max_limit", "3000, database")
	set(0, "unset", "http.max_limit")
	set(1, "unset", "http.max_limit")
	p.says("http.max_limit", "1000, default")
	set(0, "set", "maintenance.quiet_period@payments/*/*", "7m") // for some workflows alone
	followtest.Eventually(t, "the value to be told", func() bool {
		return strings.Contains(p.output(), `"changed":["maintenance.quiet_period@payments/*/*"]`)
	})
	p.says("maintenance.quiet_period@payments/*/*", "7m, database")
	var schema struct{ Properties map[string]any }
	if p.answer(http.MethodGet, "/v1/config/schema", "", &schema); schema.Properties["maintenance"] == nil || schema.Properties["environments"] == nil {
		t.Errorf("the schema: %v", schema)
	}

	// The API: at once, for this process; and in the database, for all.
	var changed struct {
		Changed, Pending, Shadowed []string
		Stored                     []int64
	}
	if code := p.answer(http.MethodPatch, "/v1/config", `{"log": {"level": "debug"}, "writer": {"max_batch": 2}, "events": {"max_readers": 1}}`, &changed); code != http.StatusOK || len(changed.Changed) != 3 {
		t.Errorf("%d %+v", code, changed)
	}
	p.says("log.level", "debug, runtime")
	var health struct {
		Derived struct {
			Concurrency struct {
				ForLoad int64 `json:"for_load"`
			}
		}
	}
	if code := p.answer(http.MethodPatch, "/v1/config", `{"engine": {"execution": {"max_concurrent_steps_limit": 20}}}`, &changed); code != http.StatusOK || len(changed.Pending) != 0 {
		t.Errorf("%d %+v", code, changed)
	}
	if p.answer(http.MethodGet, "/v1/health-counts?derived=true", "", &health); health.Derived.Concurrency.ForLoad != 20 {
		t.Errorf("without load, %d steps are recommended side by side", health.Derived.Concurrency.ForLoad)
	}
	p.signal(syscall.SIGHUP) // nothing new, which it says at this level
	followtest.Eventually(t, "a line of the level debug", func() bool {
		return strings.Contains(p.output(), `"@level":"debug"`) && strings.Contains(p.output(), `"from":"SIGHUP"`)
	})
	var problem struct{ Detail string }
	batch := `{"transitions": [{"kind": "step", "id": 1, "to": "pending"}, {"kind": "step", "id": 2, "to": "pending"}, {"kind": "step", "id": 3, "to": "pending"}]}`
	request, err := http.Post("http://"+p.address+"/v1/transitions/batch", "application/json", strings.NewReader(batch))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(request.Body)
	request.Body.Close()
	if !strings.Contains(string(text), "at most 2") {
		t.Errorf("a batch of 3: %s", text)
	}
	if code := p.answer(http.MethodPatch, "/v1/config", `{"replication": {"slot_prefix": "x"}}`, &problem); code != http.StatusBadRequest || !strings.Contains(problem.Detail, "persist=true") {
		t.Errorf("%d %+v", code, problem)
	}
	if code := p.answer(http.MethodPatch, "/v1/config?persist=true", `{"log": {"level": "warn"}, "readiness": {"rules_steps": 7}}`, &changed); code != http.StatusOK || len(changed.Stored) != 2 || !slices.Equal(changed.Pending, []string{"readiness.rules_steps"}) {
		t.Errorf("%d %+v", code, changed)
	}
	p.says("log.level", "warn, database")

	// A value that is wrong keeps a sidecar from starting, and one that runs going.
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, `INSERT INTO tasker_sidecar.configuration_changes (key, value) VALUES ('log.level', '"loud"')`)
	followtest.Eventually(t, "the refusal", func() bool { return strings.Contains(p.status().Configuration.Error, "config unset log.level") })
	p.says("log.level", "warn, database")
	if out := set(1, "validate"); !strings.Contains(out, "config unset log.level") {
		t.Errorf("validate: %s", out)
	}
	set(0, "validate", "--no-database")
	out, code := finished(t, "run", "--config", file)
	if code != 2 || !strings.Contains(out, `log.level: "loud"`) || !strings.Contains(out, "tasker-sidecar config unset log.level takes it back") {
		t.Errorf("exit code %d: %s", code, out)
	}
	set(0, "unset", "log.level")
	p.says("log.level", "info, default")
	p.signal(syscall.SIGTERM)
	if code := p.wait(followtest.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestReloadMounted: files as Kubernetes mounts and replaces them, by links; a
// database without a place for values is none to worry about.
func TestReloadMounted(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	dir := t.TempDir()
	mount := func(version, content string) {
		t.Helper()
		for _, err := range []error{
			os.Mkdir(filepath.Join(dir, version), 0o700),
			os.WriteFile(filepath.Join(dir, version, "tasker.yml"), []byte(content), 0o600),
			os.Symlink(version, filepath.Join(dir, "..data_tmp")),
			os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	base := "log: {format: json}\nreload: {debounce: 20ms}\ndatabase: {url: '" + url + "'}\n"
	mount("..1", base+"http: {listen: '127.0.0.1:0'}\n")
	if err := os.Symlink(filepath.Join("..data", "tasker.yml"), filepath.Join(dir, "tasker.yml")); err != nil {
		t.Fatal(err)
	}
	p := start(t, "run", "--config", filepath.Join(dir, "tasker.yml"))
	p.ready()
	for i := 2; i < 5; i++ {
		mount(fmt.Sprintf("..%d", i), base+fmt.Sprintf("http: {listen: '127.0.0.1:0', max_limit: %d}\n", 1000*i))
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..%d", i-1))); err != nil {
			t.Fatal(err)
		}
		p.says("http.max_limit", fmt.Sprintf("%d, file", 1000*i))
	}
	if s := p.status().Configuration; s.Database != "" || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
	if out, code := finished(t, "config", "set", "log.level", "debug", "--database-url", url); code != 3 || !strings.Contains(out, "tasker-sidecar install") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
