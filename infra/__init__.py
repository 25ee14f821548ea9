"""What exists in AWS: the stacks, and what they cost, from one configuration."""
