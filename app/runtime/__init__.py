"""What outlives a rerun: caches, the worker thread, garbage collection, and the guard of the server."""
