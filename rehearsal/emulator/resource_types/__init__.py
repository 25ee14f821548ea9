"""Resource types that MiniStack's CloudFormation lacks, or does not do in full; one module a kind."""
