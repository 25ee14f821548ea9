"""What the emulated EMR remembers of a cluster: fleets or groups, instances, steps, and its end."""
