"""Parses and writes DICOMweb requests and responses, for client and server (PS3.18)."""
