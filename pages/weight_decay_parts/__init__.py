"""The parts of the page on weight decay that are lessons of their own."""
