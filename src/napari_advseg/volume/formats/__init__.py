"""Volumes in files: a reader and a writer for each format, and what all of them check."""
