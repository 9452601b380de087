package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"regexp/syntax"
	"strings"
)

var (
	className  = regexp.MustCompile(`^(::)?[A-Z][A-Za-z0-9_]*(::[A-Z][A-Za-z0-9_]*)*$`)
	methodName = regexp.MustCompile(`^[a-z_][A-Za-z0-9_]*[!?]?$`)
	wordForm   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	filterForm = regexp.MustCompile(`^/(.*)/([imx]*)$`)
)

func checkClass(s string) error {
	return matches(className, s, "must be the name of a Ruby class, such as Billing::Authenticator")
}

func checkMethod(s string) error {
	return matches(methodName, s, "must be the name of a Ruby method, such as current_user")
}

func checkWord(s string) error {
	return matches(wordForm, s, "must be one word of letters, digits, _, . and -")
}

func checkHeader(s string) error {
	return matches(headerName, s, "must be the name of an HTTP header, such as X-Request-ID")
}

func matches(form *regexp.Regexp, s, rule string) error {
	if !form.MatchString(s) {
		return errors.New(rule)
	}
	return nil
}

func checkPath(s string) error {
	if s == "" || strings.ContainsAny(s, "\x00\r\n") {
		return errors.New("must be a path")
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("must be a URL that begins with http:// or https://")
	}
	if u.User != nil {
		return errors.New("must not hold a user or password, which would be shown with it: give them by username and password_file")
	}
	return nil
}

// FilterPattern makes a regular expression of an element of
// engine.telemetry.filter_parameters: it matches the names of fields whose values
// are hidden.
func FilterPattern(s string) (*regexp.Regexp, error) {
	m := filterForm.FindStringSubmatch(s)
	if m == nil {
		return regexp.MustCompile("(?i)" + regexp.QuoteMeta(s)), nil
	}
	flags := strings.NewReplacer("m", "s", "x", "").Replace(m[2]) // Ruby's m is Go's s
	if strings.Contains(m[2], "x") {
		return nil, errors.New("must be a regular expression without the flag x, which is not known here")
	}
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	// Of Ruby's anchors, \A and \z are known here, \Z is not.
	pattern, err := regexp.Compile(flags + m[1])
	var wrong *syntax.Error
	if errors.As(err, &wrong) { // without the expression, which can be anything
		return nil, fmt.Errorf("must be a regular expression that is understood here, too: %s", wrong.Code)
	}
	if err != nil {
		return nil, err
	}
	return pattern, nil
}

func checkFilter(s string) error {
	_, err := FilterPattern(s)
	return err
}
