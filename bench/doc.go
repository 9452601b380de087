// Package bench is how a figure is taken and reported.
//
// Every figure that the project measures is a [Result]: a subject, usually a
// baseline measured beside it in the same run, the raw samples of both, a
// ratio with its interval, and the goal that it has to reach. A [Report] is
// the results of one run with the machine and the versions; it is written as
// JSON, as a table for a terminal, as Markdown, and in the format that
// benchstat reads.
//
//	round 1:  subject baseline
//	round 2:  baseline subject      interleaved, order alternating, so that
//	round 3:  subject baseline      what drifts or bursts meets both
//	…
//
// The median of the rounds stands for a subject. A ratio is that of the
// medians; its interval comes from a bootstrap over rounds, each drawn with
// both its halves. Where the subjects cannot be told apart (the interval holds
// 1, or a U test does not reject that both are one), no ratio is claimed and
// the result says so. A goal is reached when the whole interval reaches it,
// missed when none of it does, and undecided otherwise.
//
// The suite claim puts the questions of package matrix to its subjects, in
// arenas: databases with everybody who can be asked about them, of our own or
// one that was given. Its first case compares all answers, and without it
// nothing is timed; then each question is measured with all subjects in the same
// rounds; costs, which write, come last. The others look closer at one thing.
//
// Suites are lists of [Case]s; [Run] runs one. When its context ends in the
// middle, it reports what has been measured by then.
package bench
