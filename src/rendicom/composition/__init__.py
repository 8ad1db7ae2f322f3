"""Draws what other objects say about an image on it: segments, contours, dose, marks, fusion."""
