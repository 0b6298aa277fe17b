"""The parts of the convolution page, one for each operator."""
