"""Stored bytes to decoded frames."""
