"""What a deployment's buckets hold of some images, and its removal: versions, logs, readers."""
