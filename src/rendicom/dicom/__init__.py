"""Reads DICOM files: bytes, headers, data sets, folders. Knows nothing of pictures."""
