"""Photographs to rehearse with: rendered fruit."""
