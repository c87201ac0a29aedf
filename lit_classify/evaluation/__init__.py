"""What test and predict say about a model: reports and prediction tables."""
