package bench

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what the figures were taken on.
type Machine struct {
	CPU         string `json:"cpu"` // the model's name
	Cores       int    `json:"cores"`
	MemoryBytes int64  `json:"memory_bytes"` // 0: not known
	OS          string `json:"os"`           // with its kernel's release
	Arch        string `json:"arch"`
}

// Versions are those of what was measured.
type Versions struct {
	Go       string `json:"go"`
	Postgres string `json:"postgres"` // empty where none took part
	Revision string `json:"revision"` // of git; with + when files had been changed
}

// ThisMachine looks at the machine.
func ThisMachine() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.OS += " " + unix.ByteSliceToString(name.Release[:])
	}
	if runtime.GOOS == "darwin" {
		m.CPU = orUnknown(output("sysctl", "-n", "machdep.cpu.brand_string"))
		m.MemoryBytes, _ = strconv.ParseInt(output("sysctl", "-n", "hw.memsize"), 10, 64) // 0: not known
		return m
	}
	m.CPU = orUnknown(field("/proc/cpuinfo", "model name"))
	kibibytes, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	if n, err := strconv.ParseInt(kibibytes, 10, 64); err == nil {
		m.MemoryBytes = n << 10
	}
	return m
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// field is the first value of a name in a file of name: value lines.
func field(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// revision is that of the source which this binary was built from; of a test
// or go run, which have none, that of the working directory.
func revision() string {
	var hash, modified string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				hash = s.Value
			case "vcs.modified":
				modified = s.Value
			}
		}
	}
	if hash == "" {
		hash = output("git", "rev-parse", "HEAD")
		modified = strconv.FormatBool(output("git", "status", "--porcelain", "--untracked-files=no") != "")
	}
	if hash == "" {
		return "unknown"
	}
	if modified == "true" {
		hash += "+"
	}
	return hash
}
