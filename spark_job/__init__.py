"""Photographs in, feature vectors, principal components and a report out: the Spark job."""

__version__ = "0.1.0"
