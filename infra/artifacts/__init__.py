"""What the nodes fetch: the job, the extractor and the wheels, built once and named by their inputs."""
