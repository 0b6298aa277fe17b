"""The parts of the page on products."""
