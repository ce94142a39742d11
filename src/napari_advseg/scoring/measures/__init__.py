"""Numbers for how far labels are from the truth."""
