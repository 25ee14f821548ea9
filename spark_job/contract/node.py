"""Paths on a node of the cluster, as `bootstrap/install.sh` makes them."""

NODE_FOLDER = "/opt/fruit-features"
PYTHON = f"{NODE_FOLDER}/venv/bin/python"
EXTRACTOR = f"{NODE_FOLDER}/extractor"
