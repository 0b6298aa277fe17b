"""What the page on buffers says below its pictures."""
