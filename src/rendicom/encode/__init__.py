"""Display samples to the bytes of a picture file."""
