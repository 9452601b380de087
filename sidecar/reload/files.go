package reload

import (
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// files remembers which files the configuration was read from, and what they
// held: the file itself, those that it names, the files of secrets. One that was
// looked for and is not there counts, too.
type files struct {
	mu   sync.Mutex
	held map[string][sha256.Size]byte
}

func newFiles() *files { return &files{held: map[string][sha256.Size]byte{}} }

// begin forgets what was read before.
func (f *files) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.held)
}

// read reads a file and remembers it.
func (f *files) read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[path] = sum(data, err)
	return data, err
}

func sum(data []byte, err error) [sha256.Size]byte {
	if err != nil {
		data = []byte("\x00" + err.Error())
	}
	return sha256.Sum256(data)
}

// changed says whether any of them holds something else than it did.
func (f *files) changed() bool {
	f.mu.Lock()
	held := maps.Clone(f.held)
	f.mu.Unlock()
	for path, before := range held {
		if sum(os.ReadFile(path)) != before {
			return true
		}
	}
	return false
}

// folders are those in which a change of a file shows: where each lies, and where
// the links on the way to it lead, one after another, as Kubernetes mounts them.
func (f *files) folders() []string {
	f.mu.Lock()
	paths := slices.Collect(maps.Keys(f.held))
	f.mu.Unlock()
	seen := map[string]bool{}
	for _, path := range paths {
		for range 16 { // links may go round
			seen[filepath.Dir(path)] = true
			next, err := os.Readlink(path)
			if err != nil {
				break
			}
			if !filepath.IsAbs(next) {
				next = filepath.Join(filepath.Dir(path), next)
			}
			path = next
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			seen[filepath.Dir(real)] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
