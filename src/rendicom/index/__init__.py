"""The catalogue of instances: searches and locations without opening files."""
