package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Role is what the holder of a token may do. Each role may do all that the one
// before it may.
type Role uint8

const (
	// NoRole may only ask whether the process lives.
	NoRole Role = iota
	// Reader may ask everything.
	Reader
	// Writer may also change workflows.
	Writer
	// Admin may also change how the sidecar runs.
	Admin
)

var roleNames = [...]string{"none", "reader", "writer", "admin"}

// String gives none, reader, writer or admin.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return "unknown"
}

// ParseRole reads reader, writer or admin.
func ParseRole(s string) (Role, error) {
	for r := Reader; r <= Admin; r++ {
		if roleNames[r] == s {
			return r, nil
		}
	}
	return NoRole, fmt.Errorf("%q is not a role: reader, writer or admin is expected", s)
}

// Token is a bearer token as it is configured: not itself, but its hash.
type Token struct {
	// Name tells tokens apart in logs. Required, unique.
	Name string
	// Role is what the token allows. Required.
	Role Role
	// Hash is what [NewToken] gave: "sha256:" and 64 hexadecimal digits. A fast
	// hash is enough, because the tokens that NewToken makes have 256 random
	// bits, which nobody can try through. Required.
	Hash string
}

// ParseToken reads name:role:hash, the form in which a token is configured.
func ParseToken(s string) (Token, error) {
	name, rest, _ := strings.Cut(s, ":")
	role, hash, ok := strings.Cut(rest, ":")
	if !ok || name == "" {
		// The text is not repeated: it may hold a token given by mistake.
		return Token{}, errors.New("a token is configured as name:role:hash, such as ops:reader:sha256:…")
	}
	parsed, err := ParseRole(role)
	if err != nil {
		return Token{}, fmt.Errorf("the token %q: %w", name, err)
	}
	if _, err := parseHash(hash); err != nil {
		return Token{}, fmt.Errorf("the token %q: %w", name, err)
	}
	return Token{Name: name, Role: parsed, Hash: hash}, nil
}

const (
	tokenPrefix = "tasker_" //nolint:gosec // not a credential: what tokens begin with, for scanners of secrets
	hashPrefix  = "sha256:"
)

// NewToken makes a token with 256 bits from the system's random source, to be
// shown once, and the hash of it, to be configured.
func NewToken() (token, hash string) {
	var random [32]byte
	rand.Read(random[:]) //nolint:errcheck // it never fails: the runtime ends the process instead
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return token, HashToken(token)
}

// HashToken is the form in which a token is configured.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// keyring knows tokens by their hashes.
type keyring []key

type key struct {
	name string
	role Role
	sum  [sha256.Size]byte
}

func parseHash(hash string) (sum [sha256.Size]byte, err error) {
	digits, ok := strings.CutPrefix(hash, hashPrefix)
	raw, hexErr := hex.DecodeString(digits)
	if !ok || hexErr != nil || len(raw) != len(sum) {
		// The value is not repeated: it may be a token given by mistake.
		return sum, fmt.Errorf(`the hash must be "%s" and 64 hexadecimal digits, as the command that makes a token prints it`, hashPrefix)
	}
	return [sha256.Size]byte(raw), nil
}

// find gives the role of a token. It takes the same time whichever of the
// keys, or none, is the right one.
func (k keyring) find(token string) (name string, role Role) {
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range k {
		same := subtle.ConstantTimeCompare(sum[:], k[i].sum[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return "", NoRole
	}
	return k[found].name, k[found].role
}
