"""Stages of the pipeline: pure functions from samples to samples."""
