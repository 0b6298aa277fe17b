"""The parts of the page on normalising."""
