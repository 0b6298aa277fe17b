"""What is timed, how, and on what device."""
