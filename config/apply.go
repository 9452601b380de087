package config

// Guarded says why the option can be said in files, variables and flags alone,
// neither in the database nor through the API; empty: there as well. Whoever may
// start the process decides who may ask it and which SQL it executes, and not
// whoever may ask it, or write to a table of the database.
func (o *Option) Guarded() string {
	switch o.Key {
	case "http.tokens", "http.allowed_hosts", "http.allowed_origins":
		return "decides who may ask: give it in a file, a variable or a flag, which only those can change who run the sidecar"
	case "maintenance.announce_sql":
		return "is SQL that is executed with the sidecar's rights: give it in a file, a variable or a flag, which only those can change who run the sidecar"
	}
	return ""
}

// NotStored says why a value of the option is never taken from the database;
// empty: it may be stored there.
func (o *Option) NotStored() string {
	if guarded := o.Guarded(); guarded != "" {
		return guarded
	}
	switch {
	case o.hidden():
		return "is a secret, and the database is not the place for one: give it in a file that a ..._file option names, or in a variable"
	case o.namesSecret():
		return "names the file of a secret, which belongs to a machine: give it in a file or a variable"
	case o.Section() == "database":
		return "is needed to reach the database, so it cannot come from there: give it in a file, a variable or a flag"
	case o.Section() == "reload":
		return "decides whether the database is asked at all: give it in a file, a variable or a flag"
	case o.Key == "log.format":
		return "is needed before the database is reached: give it in a file, a variable or a flag"
	case o.Section() == "demo":
		return "is for the demonstration, which has a database of its own: give it in a file, a variable or a flag"
	}
	return ""
}

// Differences are the keys of the options whose values differ, in the order of
// [Options].
func Differences(a, b *Config) []string {
	var keys []string
	for _, o := range Options() {
		if !o.same(a, b) {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// Adopt is what a process that runs with one configuration makes of another
// without a restart: it takes over the options that are live, and keeps the
// values of all others. Pending are the keys of those that would be different.
// Both configurations stay as they are.
func Adopt(running, wanted *Config) (adopted Config, pending []string) {
	adopted = wanted.Clone()
	for _, o := range Options() {
		if !o.Live && !o.same(running, wanted) {
			o.field(&adopted).Set(o.field(running))
			pending = append(pending, o.Key)
		}
	}
	return adopted, pending
}

// Clone is a copy that shares nothing with c which is ever changed.
func (c *Config) Clone() Config {
	clone := *c
	clone.Registered = nil
	for _, s := range table().sections {
		s.in(&clone).Set(s.in(c))
	}
	return clone
}
