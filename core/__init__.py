"""The app behind the pages: operators, pictures, timing and the shared parts of a page."""
