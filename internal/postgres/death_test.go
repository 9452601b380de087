//go:build unix

package postgres

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVariable makes the test binary play a program of its own instead of
// running tests; see TestMain.
const roleVariable = "TASKER_SIDECAR_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "search":
		playSearch()
	default:
		playStarter(role)
	}
}

// playStarter starts a cluster in the directory of its argument, says which,
// and dies in the way of its role.
func playStarter(role string) {
	s, err := Start(context.Background(), Options{ThrowAway: true, TempDir: os.Args[1]})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(s.Pid(), sharedMemory(s.DataDir), s.DataDir)
	if role == "crashed cluster" {
		if err := s.Kill(context.Background()); err != nil {
			panic(err)
		}
	}
	switch role {
	case "return":
	case "exit", "crashed cluster":
		os.Exit(3)
	case "panic":
		panic("a test fails badly")
	case "panic in a goroutine":
		go panic("a test fails badly elsewhere")
		select {}
	default: // a signal comes
		select {}
	}
}

func TestWhateverEndsTheStarterNothingIsLeft(t *testing.T) {
	for role, signal := range map[string]unix.Signal{
		"return": 0, "exit": 0, "panic": 0, "panic in a goroutine": 0, "crashed cluster": 0,
		"SIGINT": unix.SIGINT, "SIGTERM": unix.SIGTERM, "SIGHUP": unix.SIGHUP, "SIGQUIT": unix.SIGQUIT, "SIGKILL": unix.SIGKILL,
	} {
		t.Run(role, func(t *testing.T) {
			parent := openTemp(t)
			cmd, lines := starter(t, role, parent)
			if !lines.Scan() {
				t.Fatal("the starter says nothing")
			}
			var pid int
			var segment, dataDir string
			if _, err := fmt.Sscan(lines.Text(), &pid, &segment, &dataDir); err != nil {
				t.Fatalf("the starter says %q", lines.Text())
			}
			if signal != 0 {
				if !alive(pid) || !exists(dataDir) || !sharedMemoryExists(t, segment) {
					t.Fatal("no cluster while the starter runs")
				}
				// The whole process group, as a terminal does for Ctrl-C.
				if err := unix.Kill(-cmd.Process.Pid, signal); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait() // it dies, that is the point
			eventually(t, "the postmaster is gone", func() bool { return !alive(pid) })
			eventually(t, "the directory is gone", func() bool { return len(clusterDirs(t, parent)) == 0 })
			eventually(t, "no process names the directory", func() bool { return processesNaming(t, parent) == "" })
			if sharedMemoryExists(t, segment) {
				t.Errorf("shared memory segment %s is left", segment)
			}
		})
	}
}

func TestAStarterKilledAtAnyMomentLeavesNothing(t *testing.T) {
	// The moments of a start, in order, by what the disk shows.
	moments := map[string]string{
		"the directory is there": "",
		"initdb begins":          "data",
		"initdb is well on":      "data/global/pg_control",
		"initdb is done":         "data/postgresql.auto.conf",
		"the postmaster starts":  "data/postmaster.pid",
	}
	for name, sign := range moments {
		t.Run(name, func(t *testing.T) {
			parent := openTemp(t)
			cmd, _ := starter(t, "SIGKILL", parent)
			eventually(t, name, func() bool {
				found, _ := filepath.Glob(filepath.Join(parent, clusterPrefix+"*", sign))
				return len(found) > 0
			})
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			eventually(t, "the directory is gone", func() bool { return len(clusterDirs(t, parent)) == 0 })
			eventually(t, "no process names the directory", func() bool { return processesNaming(t, parent) == "" })
		})
	}
}

// starter runs this binary in the role of a program that starts a cluster.
func starter(t *testing.T, role, parent string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, parent)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

// processesNaming lists the processes, but zombies, whose command line has a
// text: the watchdog, the postmaster, initdb and its children have the
// cluster's directory.
func processesNaming(t *testing.T, text string) string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "stat=,pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found strings.Builder
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, text) && !strings.HasPrefix(strings.TrimSpace(line), "Z") {
			found.WriteString(line)
		}
	}
	return found.String()
}

// sharedMemory reads the id of the cluster's System V segment.
func sharedMemory(dataDir string) string {
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) < 7 {
		return ""
	}
	fields := strings.Fields(lines[6])
	return fields[len(fields)-1]
}

func sharedMemoryExists(t *testing.T, id string) bool {
	t.Helper()
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = unix.SysvShmCtl(n, unix.IPC_STAT, &unix.SysvShmDesc{})
	return err == nil
}
