"""The command line: a file for each command, and ``lightning_cli`` for what fit and evaluations share."""
