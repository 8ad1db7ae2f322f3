"""SOP classes of presentation states (PS3.4 B.5)."""

from __future__ import annotations

BLENDING, ADVANCED_BLENDING = "1.2.840.10008.5.1.4.1.1.11.4", "1.2.840.10008.5.1.4.1.1.11.8"
BLENDING_CLASSES = (BLENDING, ADVANCED_BLENDING)
"""They show several images in one picture."""
PLANAR_VIEW = "1.2.840.10008.5.1.4.1.1.11.6"
"""Grayscale Planar MPR Volumetric Presentation State: a plane cut from a volume."""
