"""Reads DICOM files: bytes, headers, data sets, folders. Independent of pictures."""
