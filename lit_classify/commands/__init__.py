"""One file per command; ``main(arguments)`` gets the command's name first and returns the exit code."""
