"""Another run on demand: what a person asks for, checked, estimated and made into a step."""
