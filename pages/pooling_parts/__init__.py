"""What the pooling page stands on below its pictures."""
