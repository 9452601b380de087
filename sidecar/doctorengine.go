package main

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
)

// checkEngine is the check's name in findings about how the application
// configures its engine.
const checkEngine = "engine_configuration"

// engineFindings are the options that an application and we have different
// values for. What changes no answer here is good to know and no more.
func engineFindings(imported *config.Imported, l *config.Loaded) []replication.Finding {
	differences, missing := imported.Compare(l)
	var found []replication.Finding
	for _, d := range differences {
		f := replication.Finding{Check: checkEngine, Severity: replication.SeverityInfo}
		means := "it is carried only: " + d.Option.Carried
		if d.Option.Use != "" {
			f.Severity = replication.SeverityWarning
			means = "it is used here for " + d.Option.Use
		}
		f.What = fmt.Sprintf("%s is %s in the application (%s) and %s here (%s); %s", d.Option.Key, shownValue(d.Theirs), d.TheirsOrigin, shownValue(d.Ours), d.OursOrigin, means)
		f.Remedy = "take the dump over: tasker-sidecar config import FILE --config YOURS --write"
		found = append(found, f)
	}
	if len(differences) == 0 {
		found = append(found, replication.Finding{Check: checkEngine, Severity: replication.SeverityOK, What: "the application configures its engine as it is configured here"})
	}
	if missing > 0 {
		found = append(found, replication.Finding{Check: checkEngine, Severity: replication.SeverityInfo,
			What: fmt.Sprintf("the dump says nothing of %d options of the engine, which were not compared", missing)})
	}
	return found
}

func shownValue(s string) string {
	if s == "" {
		return "empty"
	}
	return s
}
