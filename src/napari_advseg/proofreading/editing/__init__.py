"""Labels under edit: steps done, taken back and done again."""
