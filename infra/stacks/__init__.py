"""The three stacks: storage, monitoring, pipeline. Each only wires constructs."""
