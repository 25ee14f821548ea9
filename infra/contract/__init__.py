"""What the stacks and those who operate them agree on: names, outputs and prefixes, readable without CDK."""
