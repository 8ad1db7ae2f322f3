"""Renders decoded frames as display samples."""
