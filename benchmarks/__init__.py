"""One command a figure; peers run beside us on the same data, and ratios are printed."""
