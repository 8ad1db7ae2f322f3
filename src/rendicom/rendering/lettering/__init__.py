"""Letters as strokes of our own, so that a picture can be written on wherever it is made."""
