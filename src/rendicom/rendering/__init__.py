"""Decoded frames to display samples."""
