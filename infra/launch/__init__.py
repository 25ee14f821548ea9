"""A cluster on demand: the function that starts one for a run, and what it shares with those who ask it."""
