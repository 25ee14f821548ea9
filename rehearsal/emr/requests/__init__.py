"""Requests to the emulated EMR: held against its API's model, and what EMR refuses in them."""
