"""The wire, both directions: what a DICOMweb client and a server say to each other (PS3.18)."""
