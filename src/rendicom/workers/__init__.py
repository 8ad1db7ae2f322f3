"""Worker processes: used by the batch runner and by the server."""
