"""One kind of place per file; each defines ``BACKEND``, a `rendicom.storage.Store`."""
