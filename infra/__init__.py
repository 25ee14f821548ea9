"""What exists in AWS: configuration, constructs, stacks that only wire them, and what they cost."""
