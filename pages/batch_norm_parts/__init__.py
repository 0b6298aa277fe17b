"""What the page on batch norm says below its pictures."""
