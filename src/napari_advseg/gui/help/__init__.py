"""Help, keys and the tour."""
