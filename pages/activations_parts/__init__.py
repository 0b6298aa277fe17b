"""The parts of the page on activations that are lessons of their own."""
