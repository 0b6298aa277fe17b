"""The parts of the memory page."""
