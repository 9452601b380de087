// Package compare says what has changed between two reports of the same suite,
// beyond noise.
//
// Two runs of one binary never give the same figures: the rounds of a run
// differ, the machine is another one at another hour, and of many figures some
// differ by chance. Each has its answer:
//
//	the machine   Where a figure has a baseline, compared is the quotient of both,
//	              round by round: what slows both down is not in it. And the
//	              baselines tell how far figures move that nobody has changed: no
//	              change counts that is smaller than the move of its own baseline,
//	              or, without one, than that of half of all baselines.
//	the rounds    The whole interval (95 %, bootstrap of the ratio of the medians)
//	              has to lie beyond that, and beyond the tolerance.
//	              And a U test, which assumes nothing about the noise, has to
//	              tell the rounds apart (p ≤ 0.05).
//	many figures  A Welch test of the logarithms has to tell them apart at 0.05
//	              divided among all figures by Holm's method, so that the chance
//	              of any false alarm stays below 0.05. The U test cannot be
//	              divided like that: of five rounds against five its p is never
//	              below 0.008.
//
// What slows down a figure and its baseline by as much is not told apart from a
// slower machine; the comparison says where both have moved. A figure without a
// baseline is compared on the same machine only. Exponents of growth are
// compared by their difference.
//
// The package is pure: reports in, a [Comparison] out.
package compare
