"""The parts of the softmax page."""
