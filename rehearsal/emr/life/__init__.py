"""How a cluster of the emulated EMR starts, works, scales and ends, in threads of its own."""
