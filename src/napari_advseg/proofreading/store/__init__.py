"""Edits on disk: a base that is never written into, and journals that survive a kill at any moment."""
