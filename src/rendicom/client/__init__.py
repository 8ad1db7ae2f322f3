"""Speaks DICOMweb with other servers: search, retrieve, rendered pictures, store.

Nothing a server sends is believed: bodies and headers have limits, types are looked at, names of
files are never taken from it. Secrets go to the host they are for and nowhere else.
"""
