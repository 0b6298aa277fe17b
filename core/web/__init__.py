"""What is sent over HTTP beside Streamlit's answers: files compressed once, from memory, and the security headers."""
