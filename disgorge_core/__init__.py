"""Disgorge: remove training data from a trained model, and measure what changed."""
