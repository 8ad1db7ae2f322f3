"""Where pixels lie in the patient, by plain matrices (PS3.3 C.7.6.2.1.1)."""

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

__all__ = ["affine", "at", "indices", "oblique", "xyz"]


def oblique(*degrees):
    """Return Image Orientation (Patient) of axes that are turned around z, y and x."""
    matrix = Rotation.from_euler("zyx", degrees, degrees=True).as_matrix()
    return (*matrix[:, 0], *matrix[:, 1])


def affine(orientation, position, spacing, step):
    """Return the matrix from slice, row, column to x, y, z."""
    matrix = np.eye(4)
    matrix[:3, 0] = np.cross(orientation[:3], orientation[3:]) * step
    matrix[:3, 1] = np.multiply(orientation[3:], spacing[0])
    matrix[:3, 2] = np.multiply(orientation[:3], spacing[1])
    matrix[:3, 3] = position
    return matrix


def xyz(matrix, points, index):
    """Return x, y, z of columns and rows, (n, 2), in slice ``index``."""
    points = np.asarray(points, float)
    ones = np.ones(len(points))
    return (matrix @ np.stack([ones * index, points[:, 1], points[:, 0], ones]))[:3].T


def indices(target, shape, index, source):
    """Return slice, row and column in ``source`` of the pixels of a slice of ``target``."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    ones = np.ones(rows.shape)
    points = np.stack([ones * index, rows, columns, ones]).reshape(4, -1)
    return (np.linalg.inv(source) @ target @ points)[:3].reshape(3, *shape)


def at(values, places):
    """Return values between the centers of pixels, linearly; NaN beside them."""
    return map_coordinates(np.asarray(values, float), places, order=1, cval=np.nan)
