"""Cases per table, worked out by hand."""
