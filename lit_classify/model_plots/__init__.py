"""Plots of a model and its data: a LitModule and a data module in, a matplotlib Figure out."""
