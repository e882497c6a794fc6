// Package compare says what changed between two binaries, or between two stored
// runs. It reads trials and knows neither system nor process.
//
// # Two binaries
//
// Both were measured within the same blocks, cell by cell, one right after the
// other in random order. So a figure is the ratio new/old of such a pair; what
// the machine does to both cancels. Two kinds of rows are judged: a metric in
// one cell, with a pair per block, and a metric over all cells, with a pair per
// cell and block: that has more pairs and finds what harms all.
//
// Judged are metrics that say in which direction they improve, that are one
// number per trial or a latency (its p50 and p99), and that have a unit.
// A pure ratio (unit "1": a share, a fairness index) is shown and not judged,
// for a relative change of a share means little: from 0.1 % to 0.2 % is a
// doubling. A vector (one number per server, such as the most requests in
// flight) is no figure of a trial. A metric in cores is divided by the
// throughput of the same trial: who does more work may use more processor.
//
// # When a change is called worse
//
// When its interval excludes "no change", and a Wilcoxon signed-rank test over
// the pairs shows that it is beyond the threshold (5 %), not merely beyond 0.
// The test is exact and knows no distribution. Because the order within a pair
// is a fair coin's toss, the logarithm of the ratio of two equal binaries is
// symmetric about 0, pair by pair, which is all that the test assumes.
//
// A comparison makes dozens of such tests. Those over all cells and those of
// single cells are two families; each gets half of the error that is allowed
// ([Options].Alpha), and Holm's procedure keeps it for any dependence between
// metrics. The error is reached only where everything has become worse by
// exactly the threshold. Between equal binaries every test starts that much
// away from alarm: the simulation in this package's tests finds fewer than 1
// alarm in 200 comparisons with few blocks or extreme noise, and none or one in
// 1000 with 3 to 12 % of noise within a block and 8 or more blocks.
//
// With few pairs the families cannot reach such a level: n pairs give a
// probability of 2^-n at best. Then single cells are not judged, and if even
// the metrics over all cells cannot be judged at Alpha, they are judged at the
// best level that there is, which the result names. Below 6 pairs there is no
// interval, and nothing is judged.
//
// # Two stored runs
//
// Runs of different times and machines share no blocks. Their levels are shown
// beside each other, never judged.
package compare
