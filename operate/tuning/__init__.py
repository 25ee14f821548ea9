"""Measuring which executors and cores featurize images fastest, and at what price."""
