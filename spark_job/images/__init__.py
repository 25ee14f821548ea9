"""From a folder or bucket to prepared images: listing, sampling, reading, decoding."""
