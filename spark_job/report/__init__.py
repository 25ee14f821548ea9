"""The report of a run: one self-contained page, pictures for slides, files for the projector."""
