"""Volumes on disk and in memory."""
