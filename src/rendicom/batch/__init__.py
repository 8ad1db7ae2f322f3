"""Conversion of many instances: finds them, names the outputs, converts in workers."""
