"""Draws other objects on images: segments, contours, dose, marks and fused images."""
