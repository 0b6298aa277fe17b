"""The parts of the page on aliases: what people believe, and what is asked of them."""
