"""What reads the formats other than JPEG: how they are recognised, and libvips."""
