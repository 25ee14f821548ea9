"""`train`: a classifier from the features of a run."""
