package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// The files that deployments are made from, and the page about them.
const (
	unitFile      = "../../build/tasker-sidecar.service"
	manifestFile  = "../../build/kubernetes.yaml"
	containerFile = "../../build/Containerfile"
	pageFile      = "../../docs/deployment.md"
)

func content(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	variables = regexp.MustCompile(`\bTASKER_SIDECAR_[A-Z0-9_]*[A-Z0-9]\b`)
	commands  = regexp.MustCompile(`(?m)\btasker-sidecar ((?:run|install|doctor|token|status|read-mode|uninstall)\b[^\n#|>]*)`)
)

// TestDeploymentsNameOnlyWhatThereIs: each variable in the files is an option,
// and each command line is one that the program understands.
func TestDeploymentsNameOnlyWhatThereIs(t *testing.T) {
	known := map[string]bool{"TASKER_SIDECAR_CONFIG": true}
	for _, o := range config.Options() {
		known[o.Env] = true
	}
	for _, file := range []string{unitFile, manifestFile, containerFile, pageFile} {
		text := content(t, file)
		for _, name := range variables.FindAllString(text, -1) {
			if !known[name] {
				t.Errorf("%s: %s is not an option", file, name)
			}
		}
		for _, line := range commands.FindAllStringSubmatch(text, -1) {
			understands(t, file, strings.Fields(strings.NewReplacer(`"`, "", "`", " ", `\`, "").Replace(line[1])))
		}
	}
	understands(t, manifestFile, readManifest(t).container.Args)
}

// understands asks for help behind the arguments: unknown flags are told first.
func understands(t *testing.T, file string, args []string) {
	t.Helper()
	var out bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, append(args, "--help")...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Errorf("%s: tasker-sidecar %s: %v: %s", file, strings.Join(args, " "), err, out.String())
	}
}

// deployed starts the program as a deployment does, only on free ports, and
// asks the probes as the supervisor does.
func deployed(t *testing.T, environment map[string]string, args ...string) *process {
	t.Helper()
	var env []string
	for name, value := range environment {
		if strings.HasSuffix(name, "LISTEN") {
			host, _, err := net.SplitHostPort(value)
			if err != nil {
				t.Fatal(err)
			}
			value = net.JoinHostPort(host, "0")
		}
		env = append(env, name+"="+value)
	}
	p := startWith(t, env, args...)
	select {
	case <-p.serving:
	case <-p.exit:
		t.Fatalf("it has ended: %s", p.output())
	case <-time.After(followtest.Patience):
		t.Fatal("it does not serve")
	}
	return p
}

// probe asks the listener of probes at an address of this machine.
func (p *process) probe(t *testing.T, path, token string) (code int, body string) {
	t.Helper()
	_, port, err := net.SplitHostPort(p.probes)
	if err != nil {
		t.Fatalf("the address of the probes is %q: %v", p.probes, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// probed waits until it is ready, as both probes say, and ends it.
func (p *process) probed(t *testing.T, live, ready string) {
	t.Helper()
	if code, body := p.probe(t, live, ""); code != http.StatusOK {
		t.Errorf("%s: %d %s", live, code, body)
	}
	followtest.Eventually(t, "readiness", func() bool {
		code, _ := p.probe(t, ready, "")
		return code == http.StatusOK
	})
	if code, body := p.probe(t, "/v1/status", ""); code == http.StatusOK {
		t.Errorf("the listener of probes gives /v1/status: %s", body)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(20 * time.Second); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// secretFile holds a database's URL as a mounted secret does.
func secretFile(t *testing.T, address string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "database-url")
	if err := os.WriteFile(name, []byte(address+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestUnit runs what the unit of systemd runs, with its environment.
func TestUnit(t *testing.T) {
	entries := map[string][]string{}
	for _, line := range strings.Split(content(t, unitFile), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			entries[name] = append(entries[name], value)
		}
	}
	for name, want := range map[string]string{
		"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": "",
		"LoadCredential": "database-url:/etc/tasker-sidecar/database-url", "RestartPreventExitStatus": fmt.Sprint(exitUsage),
	} {
		if got := entries[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	longerThanClosing(t, entries["TimeoutStopSec"][0])
	secret := secretFile(t, followtest.Database(t, testbed.Options{}))
	environment := map[string]string{}
	for _, entry := range entries["Environment"] {
		name, value, _ := strings.Cut(entry, "=")
		// Where systemd puts credentials.
		environment[name] = strings.ReplaceAll(value, "%d", filepath.Dir(secret))
	}
	words := strings.Fields(entries["ExecStart"][0])
	if words[0] != "/usr/local/bin/tasker-sidecar" {
		t.Errorf("it starts %s", words[0])
	}
	deployed(t, environment, words[1:]...).probed(t, "/healthz", "/readyz")
}

// longerThanClosing: whoever stops the program gives it the time to close.
func longerThanClosing(t *testing.T, within string) {
	t.Helper()
	d, err := time.ParseDuration(within)
	if err != nil {
		t.Fatal(err)
	}
	if closing := config.Default().Runtime.ShutdownTimeout; d <= closing {
		t.Errorf("it is killed after %s, and may take %s to close", d, closing)
	}
}

// TestManifest runs what the container in Kubernetes runs, with its environment
// and its secret, and asks the probes that the manifest names.
func TestManifest(t *testing.T) {
	m := readManifest(t)
	longerThanClosing(t, fmt.Sprintf("%ds", m.pod.TerminationGracePeriodSeconds))
	if limit, memory := m.environment["TASKER_SIDECAR_RUNTIME__MEMORY_LIMIT"], m.container.Resources.Limits["memory"]; bytesOf(t, limit) >= bytesOf(t, memory) {
		t.Errorf("the program keeps below %s, the container below %s", limit, memory)
	}

	out, err := exec.CommandContext(t.Context(), binary, "token", "--name", "prometheus", "--role", "reader").Output()
	if err != nil {
		t.Fatal(err)
	}
	var token, entry string
	for _, line := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(line, "token") {
			token = line[strings.LastIndex(line, " ")+1:]
		} else if strings.HasPrefix(line, "entry") {
			entry = line[strings.LastIndex(line, " ")+1:]
		}
	}
	secret := secretFile(t, followtest.Database(t, testbed.Options{}))
	environment := maps.Clone(m.environment)
	for name, value := range environment {
		switch {
		case value == "secret tasker-sidecar/tokens":
			environment[name] = entry
		case strings.HasPrefix(value, m.secretPath+"/"):
			environment[name] = secret
		}
	}
	p := deployed(t, environment, m.container.Args...)
	if code, _ := p.probe(t, m.metricsPath, ""); code != http.StatusUnauthorized {
		t.Errorf("%s without a token: %d", m.metricsPath, code)
	}
	if code, body := p.probe(t, m.metricsPath, token); code != http.StatusOK || !strings.Contains(body, "tasker_sidecar_ready") {
		t.Errorf("%s: %d %s", m.metricsPath, code, shortened(body))
	}
	for _, host := range strings.Split(m.environment["TASKER_SIDECAR_HTTP__ALLOWED_HOSTS"], ",") {
		if code := p.asHost(t, host, token); code != http.StatusOK {
			t.Errorf("as %s: %d", host, code)
		}
	}
	if code := p.asHost(t, "elsewhere.example", token); code != http.StatusMisdirectedRequest {
		t.Errorf("as another host: %d", code)
	}
	p.probed(t, m.container.LivenessProbe.HTTPGet.Path, m.container.ReadinessProbe.HTTPGet.Path)
}

// asHost asks the API by the name that a Service has.
func (p *process) asHost(t *testing.T, host, token string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort("127.0.0.1", port)+"/v1/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = net.JoinHostPort(host, "8765")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestContainerFile: the image runs as nobody in particular, without a shell.
func TestContainerFile(t *testing.T) {
	lines := strings.Split(content(t, containerFile), "\n")
	for _, want := range []string{"FROM scratch", "USER 65532:65532", `ENTRYPOINT ["/tasker-sidecar"]`, `CMD ["run"]`} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is not there", want)
		}
	}
}
