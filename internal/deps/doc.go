// Package deps only has a test: that every direct dependency of the module is
// explained in docs/dependencies.md, and nothing else is.
package deps
