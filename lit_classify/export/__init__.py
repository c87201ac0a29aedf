"""Export of a trained model together with its preprocessing."""
