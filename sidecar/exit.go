package main

import (
	"errors"
	"fmt"
)

// Exit codes, as the help text and the documentation give them.
const (
	exitOK        = 0   // done
	exitFound     = 1   // done, and something is wrong: differences, errors among the findings
	exitUsage     = 2   // the command line or the configuration is wrong; nothing was started
	exitFailed    = 3   // the database or the server cannot be reached or used
	exitRefused   = 4   // a transition was refused, for what its task or step is; nothing was changed
	exitInterrupt = 130 // a second signal cut the closing short
)

// codedError carries the exit code that an error stands for.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

// errFound ends a command whose output has already said what is wrong.
var errFound = &codedError{exitFound, errors.New("")}

// exitCode is the code for an error; what says nothing else is a failure.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	}
	return exitFailed
}
