"""The formats other than JPEG: how a file is recognised, and what reads each of them."""
