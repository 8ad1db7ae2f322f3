"""One kind of storage per file; each defines ``BACKEND``, a `rendicom.storage.Store`."""
