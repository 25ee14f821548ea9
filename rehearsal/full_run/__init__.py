"""A rehearsal from start to end: deploy, run, report, and take everything away."""
