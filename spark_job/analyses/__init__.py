"""Work on the features of finished runs: each analysis reads run folders and writes a run of its own."""
