"""What is made for the readers of the project, not by the running app."""
