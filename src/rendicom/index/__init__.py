"""The catalogue of instances: what is where, found without opening a file."""
