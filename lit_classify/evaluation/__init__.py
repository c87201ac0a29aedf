"""What ``test`` and ``predict`` output: the text of an evaluation, and tables of predictions."""
