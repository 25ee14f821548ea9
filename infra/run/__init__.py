"""One run of the job on the cluster: its identity, its step, and the deploy that waits for it."""
