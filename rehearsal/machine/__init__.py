"""What a cluster runs on: folders for nodes, bootstrap actions, YARN, steps, logs."""
