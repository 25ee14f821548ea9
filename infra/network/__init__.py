"""Where the cluster runs: VPC, subnets, the way to S3, and who may talk to whom."""
