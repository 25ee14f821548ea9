"""Features of images: the engine, what a worker does, the table they end in."""
