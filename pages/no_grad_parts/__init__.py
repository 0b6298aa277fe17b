"""The parts of the page on no_grad: what people believe, and what is asked of them."""
