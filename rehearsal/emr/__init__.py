"""Elastic MapReduce: its API, its clusters and their states; knows neither the emulator nor YARN."""
