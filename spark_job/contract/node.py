"""A node of the cluster: its paths, as `bootstrap/install.sh` makes them, and its memory for an image."""

NODE_FOLDER = "/opt/fruit-features"
PYTHON = f"{NODE_FOLDER}/venv/bin/python"
EXTRACTOR = f"{NODE_FOLDER}/extractor"

# What a decoder may take for one image beyond what it always holds; each core of a node has it
# (infra/config/sizing.py). 108 megapixels take 309 MiB as a progressive JPEG at 4:2:0, and as 8-bit RGB.
DECODING_MIB = 350
