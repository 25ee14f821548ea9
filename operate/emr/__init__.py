"""Clusters, nodes and steps, as EMR describes them."""
