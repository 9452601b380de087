package config

// Changes says what it would take to change the option, when a value of the
// layer holds now: the places that are above it, and what has to follow.
func (o *Option) Changes(layer string) []string {
	ways := []string{}
	switch layer {
	case LayerDefault:
		ways = append(ways, "write it in a file: "+o.Key+": VALUE")
	case LayerFile:
		ways = append(ways, "change it where it stands, or say otherwise for an environment or in an overlay")
	case LayerEnvironment:
		ways = append(ways, "change it where it stands: what the base file says is below that; or say otherwise in an overlay")
	case LayerOverlay:
		ways = append(ways, "change it where it stands: what files say elsewhere is below that")
	case LayerDatabase:
		ways = append(ways, "change it in the database, files are below that: tasker-sidecar config set "+o.Key+" VALUE")
	case LayerVariable:
		ways = append(ways, "change the variable: files and the database are below it")
	case LayerFlag:
		ways = append(ways, "change the flag: files, the database and variables are below it")
	case LayerRuntime:
		ways = append(ways, "change it through the API once more: all other sources are below it until the process ends")
	}
	switch layer {
	case LayerDefault, LayerFile, LayerEnvironment, LayerOverlay:
		if o.NotStored() == "" {
			ways = append(ways, "or store it in the database: tasker-sidecar config set "+o.Key+" VALUE")
		}
	}
	switch layer {
	case LayerFlag, LayerRuntime:
	case LayerVariable:
		ways = append(ways, "or give the flag --"+o.Flags[len(o.Flags)-1])
	default:
		ways = append(ways, "or set "+o.Env, "or give the flag --"+o.Flags[len(o.Flags)-1])
	}
	if o.Scoped {
		ways = append(ways, "for some workflows only: "+o.Key+"@NAMESPACE/NAME/VERSION/STEP: VALUE")
	}
	switch {
	case o.Carried != "":
		ways = append(ways, "it has no effect here either way")
	case o.Live:
		ways = append(ways, "it takes effect without a restart")
	default:
		ways = append(ways, "then restart: it is read at the start")
	}
	return ways
}
