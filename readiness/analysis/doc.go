// Package analysis weighs the graph of one task: which steps hold it up and how
// much, which paths matter most, how wide it is, and how bad all that is.
//
// It owns the formulas that the engine's users know, with the weights of the
// engine's section dependency_graph ([Weights]), and nothing else. It is pure: a
// view of the index and the time come in, an [Analysis] goes out; the same
// arguments give the same answer, to the order of its lists. Nothing is kept.
//
//	rows and edges of a task ─▶ graph (components, children first)
//	                              ├─▶ reach        what lies behind each step     ─▶ bottlenecks, failures, overall
//	                              ├─▶ best paths   by score, and the longest      ─▶ paths
//	                              └─▶ levels                                      ─▶ parallelism
//
// The engine enumerates all paths from a root to a leaf, of which there are
// exponentially many, and calls the one with the highest score the longest. Here
// the k best are found by dynamic programming, in time proportional to k times
// the edges, and the one with the most steps is told beside them. What lies
// behind each step is counted 64 steps at a time.
//
// # What counts
//
// Steps have a part in it when they have a readiness row, and edges when both of
// their steps are of the task; the same edge twice counts once. A step on a cycle
// of the task is on no path; it lies behind everything on its cycle but itself.
package analysis
