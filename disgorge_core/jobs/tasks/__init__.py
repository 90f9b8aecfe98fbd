"""One file a task; each resolves ids and calls the library."""
