"""The EMR cluster: fleets, scaling, Spark's configuration, encryption."""
