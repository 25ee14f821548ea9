"""`group`: K-means on the components of a run, and a map of its images."""
