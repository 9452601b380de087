package schema

import "io/fs"

// WithMigrations makes options install other migrations than the program's:
// the first count of a directory; all of them when count is 0.
func (o Options) WithMigrations(files fs.FS, dir string, count int) (Options, error) {
	all, err := readMigrations(files, dir)
	if count > 0 && err == nil {
		all = all[:count]
	}
	o.migrations = all
	return o, err
}

var (
	KnownObjects   = knownObjects
	PresentObjects = presentObjects
)
