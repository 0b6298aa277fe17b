"""The hand-written operators: torch tensors in, torch tensors out."""
