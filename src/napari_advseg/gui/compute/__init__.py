"""The way to the child process: a session, its jobs, and layers handed over to it."""
