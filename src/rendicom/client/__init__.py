"""Speaks DICOMweb with other servers: search, retrieve, rendered pictures, store.

Responses are not trusted: sizes are limited, types are checked, file names are not used.
Credentials go to the configured host only.
"""
