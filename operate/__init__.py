"""Drives a deployment: uploads, runs, logs, results, costs; found by the outputs of its stacks."""
