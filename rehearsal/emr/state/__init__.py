"""What the emulated EMR remembers: accounts, clusters, fleets, instances and steps."""
