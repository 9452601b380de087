package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// forms are the rules with a name that a field's tag form can ask for. They
// see one element of a list at a time, and never an empty text: where a text
// must not be empty, the form's name ends with "!".
var forms = map[string]struct {
	words string // for the documentation: "must be …"
	check func(s string) error
}{
	"host:port":  {"an address host:port", checkHostPort},
	"host":       {"a host name without port", checkHost},
	"origin":     {"scheme://host or scheme://host:port", checkOrigin},
	"class":      {"the name of a Ruby class, such as Billing::Authenticator", checkClass},
	"method":     {"the name of a Ruby method", checkMethod},
	"word":       {"one word", checkWord},
	"path":       {"a path", checkPath},
	"header":     {"the name of an HTTP header", checkHeader},
	"url":        {"an http or https URL", checkURL},
	"filter":     {"part of a name, or a regular expression such as /^pin$/i", checkFilter},
	"identifier": {"a PostgreSQL identifier of at most 63 bytes", checkIdentifier},
	"slot":       {"1 to 40 of the characters a-z, 0-9 and _", checkSlot},
	"namespace/name/version": {
		"NAMESPACE/NAME/VERSION, with * for anything",
		checkWorkflows,
	},
	"step=duration": {
		"NAME=DURATION with the name of a named step and a duration of at least 1s",
		checkThreshold,
	},
	tokenEntry: {
		"NAME:ROLE:sha256:HASH with a role reader, writer or admin",
		checkToken,
	},
}

// tokenEntry is the form of an entry for a bearer token.
const tokenEntry = "name:role:hash"

var (
	errWorkflows        = errors.New("must be of the form NAMESPACE/NAME/VERSION, such as payments/*/*")
	errThreshold        = errors.New("must be of the form NAME=DURATION, such as charge_card=30m, of at least 1s")
	errThresholdPattern = errors.New("must be the name of one named step: how long a handler may take is to be said of each by itself")
)

func checkHostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("must be an address host:port, such as 127.0.0.1:8765")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errors.New("must have a port between 0 and 65535")
	}
	return nil
}

func checkHost(s string) error {
	if strings.ContainsAny(s, "/:@ \x00") {
		return errors.New("must be a host name without port")
	}
	return nil
}

func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || s != u.Scheme+"://"+u.Host {
		return errors.New("must be of the form scheme://host or scheme://host:port")
	}
	return nil
}

func checkIdentifier(s string) error {
	if len(s) > 63 || strings.ContainsRune(s, 0) {
		return errors.New("must be a PostgreSQL identifier: at most 63 bytes, no zero byte")
	}
	return nil
}

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

func checkSlot(s string) error {
	if !slotName.MatchString(s) {
		return errors.New("must be 1 to 40 of the characters a-z, 0-9 and _")
	}
	return nil
}

var tokenForm = regexp.MustCompile(`^[^:]+:(reader|writer|admin):sha256:[0-9a-f]{64}$`)

func checkToken(s string) error {
	if !tokenForm.MatchString(s) {
		return errors.New("must be NAME:ROLE:HASH with a role reader, writer or admin and a hash sha256: with 64 hexadecimal digits")
	}
	return nil
}

// loopback says whether an address to listen on is surely this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || strings.EqualFold(host, "localhost") {
		return true // an address that is none is refused by its form
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
