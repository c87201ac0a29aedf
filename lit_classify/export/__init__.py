"""A trained network with its preprocessing as one module, for other programs."""
