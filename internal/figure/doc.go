// Package figure draws charts as PNG images with gonum/plot.
//
// A [Chart] is plain data: titles, axis labels with units, and series of
// points with their intervals. [Draw] turns it into the same bytes every time
// on the same kind of machine. The kinds of chart are the slice [Kinds]; a new
// one is one file and one line there.
//
// What every figure keeps to: units on the axes, room above the error bars,
// the legend outside the data, colours that are told apart by the colour-blind
// (Okabe and Ito) and differ in luminance, hatches, dashes and marks for black
// and white, type that can be read at half size, bars that start at zero.
package figure
