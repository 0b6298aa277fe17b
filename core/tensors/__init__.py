"""A reader's own tensors: typed, uploaded, drawn at random, carried in a link, taken away as a script."""
