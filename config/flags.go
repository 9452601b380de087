package config

import (
	"maps"

	"github.com/knadh/koanf/providers/posflag"
	"github.com/spf13/pflag"
)

const (
	fileFlag      = "config"
	workflowsFlag = "workflows"
)

// AddFlags adds --config and a flag for every option, such as
// --replication.slot-prefix. Well-known options have a short flag besides,
// such as --database-url; the full ones are hidden from help, which they would
// fill, and stand in the documentation. Values are read by [Load].
func AddFlags(flags *pflag.FlagSet) {
	flags.String(fileFlag, "", "YAML file to read the configuration from")
	flags.String(environmentFlag, "", "the environment that files are read for, such as production (default: "+environmentVariable+", else "+railsVariable+")")
	flags.StringSlice(overlayFlag, nil, "a flag that overlays in files ask for; can be repeated")
	flags.String(workflowsFlag, "", "values for single workflows, as YAML: '{maintenance.quiet_period@payments/refund: 5m}'")
	for _, name := range []string{overlayFlag, workflowsFlag} {
		flags.Lookup(name).Hidden = true
	}
	for _, o := range Options() {
		v := &flagValue{option: o}
		for i, name := range o.Flags {
			f := flags.VarPF(v, name, "", o.Doc)
			f.Hidden = i == 0 && len(o.Flags) > 1 || len(o.Flags) == 1
			if o.Kind == kindBool {
				f.NoOptDefVal = "true"
			}
			// Both flags of an option share one value; the annotation finds the option.
			f.Annotations = map[string][]string{optionAnnotation: {o.Key}}
		}
	}
}

const optionAnnotation = "tasker-sidecar-option"

// flagValue keeps what a flag was given; rules are checked with those of the
// other sources, so that all problems are told at once.
type flagValue struct {
	option *Option
	value  Value
	set    bool
}

// String is what a help text shows as default.
func (f *flagValue) String() string {
	switch {
	case f.option == nil || f.option.Secret():
		return ""
	case f.set:
		return f.value.String()
	}
	return f.option.Default
}

// Set keeps a value; a list's flag can be repeated.
func (f *flagValue) Set(text string) error {
	if f.option.kind.list != nil {
		f.value.List, f.value.IsList = append(f.value.List, splitList(text)...), true
	} else {
		f.value.Text = text
	}
	f.set = true
	return nil
}

// Type is what a help text shows as the value's name.
func (f *flagValue) Type() string {
	switch f.option.Kind {
	case kindBool:
		return "bool"
	case "whole number":
		return "number"
	case kindSecret, kindOptional:
		return "text"
	}
	if f.option.kind.list != nil {
		return "list"
	}
	return f.option.Kind
}

// readFlags gives the values of the flags that were given.
func readFlags(flags *pflag.FlagSet, found *Problems) map[string]Value {
	values := map[string]Value{}
	if flags == nil {
		return values
	}
	provider := posflag.ProviderWithFlag(flags, "", nil, func(f *pflag.Flag) (string, any) {
		given, ours := f.Value.(*flagValue)
		if ours && f.Changed {
			given.value.Origin = "flag --" + f.Name
			values[given.option.Key] = given.value
		}
		return "", nil
	})
	_, _ = provider.Read() // it cannot fail: it only walks the flags
	if f := flags.Lookup(workflowsFlag); f != nil && f.Changed {
		maps.Copy(values, readScoped(f.Value.String(), "flag --"+workflowsFlag, found))
	}
	return values
}
