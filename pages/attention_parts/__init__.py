"""Parts of the attention page."""
