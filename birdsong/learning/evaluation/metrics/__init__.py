"""Metrics: pure functions of predictions and true labels."""
