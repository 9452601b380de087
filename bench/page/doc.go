// Package page makes a report readable in a browser, on paper and by ear: one
// file of HTML, with its style and its plots in it, that needs no network and
// runs no script.
//
// Plots are drawn by gonum.org/v1/plot as SVG, in colors that stand for
// variables of the style sheet, so that one drawing serves light, dark and print
// (theme.go). Each has a title and a description, and a table with its figures
// beside it: nothing is said by a plot alone.
//
// It decides nothing: what is reached, told apart or flat is in the report.
package page
