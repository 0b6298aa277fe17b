"""The kinds of cross entropy: one of C classes, yes or no, every pixel."""
