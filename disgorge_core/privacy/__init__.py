"""Differential privacy: accountants, bounds of models, private reading and private steps."""
