"""What is sent over HTTP beside Streamlit's own answers: files from memory, compressed once, and the security headers."""
