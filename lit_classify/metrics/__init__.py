"""Metrics beyond loss and accuracy, counts and intervals for plots and reports."""
