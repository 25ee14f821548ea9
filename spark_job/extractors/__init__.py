"""Extractors: folders that hold a pretrained network and say how an image enters it."""
