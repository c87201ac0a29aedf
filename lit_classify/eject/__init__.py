"""A run as one plain PyTorch script, written from templates and from the sources of this package."""
