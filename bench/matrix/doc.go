// Package matrix is who can answer which question, and whether they answer the
// same.
//
//	             engine  exact  wait  fast  http  process
//	question 1     ■       ■      ■     ■     ■      ■
//	question 2     ■       ■      ·     ·     ■      ■      ·: cannot be asked there
//	…
//
// A [Question] is one of the engine's nine functions or its view, in its single
// or its batch form, or one that the engine has no function for. A [Subject] is
// somebody who answers: the engine's own functions, our drop-ins in one of their
// read modes, a sidecar over HTTP, or the index in this process. Whoever it is,
// an answer is the rows of package tasker, so that any two can be compared field
// by field; and a question can be asked without making rows of the answer,
// which is what is timed.
//
// [Check] asks everybody everything before anything is timed. The first subject
// that answers is who the others are compared with: the engine, where its
// function works. A difference is an error with its task, step and field. It
// counts only where the one compared with says the same before and after, and
// where it is still there when both are asked again: in a database that others
// write to, two answers can be of two moments.
//
// The package only reads. It takes no time of anybody.
package matrix
