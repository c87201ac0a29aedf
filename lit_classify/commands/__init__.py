"""One file per command; each has ``main(arguments)``, the command's own name first, and returns the exit code."""
