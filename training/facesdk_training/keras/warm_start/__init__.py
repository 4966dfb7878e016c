"""Weights to start from, rebuilt from a model file whose checkpoint is not at hand."""
