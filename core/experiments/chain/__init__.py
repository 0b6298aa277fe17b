"""Chains of torch operations on a real tensor, and what is true after each step."""
