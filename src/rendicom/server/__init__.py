"""`rendicom serve`: a DICOMweb server over folders, and a page to look at it."""
