"""Exact principal components of the features, in one pass, saved as an MLlib model."""
