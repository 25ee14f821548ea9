"""`check`: what is wrong with the photographs of a run, by their pixels and by their features."""
