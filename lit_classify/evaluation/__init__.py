"""Evaluation of a model: the output of ``test``, prediction files, cross-validation and thresholds."""
