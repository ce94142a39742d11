"""Synthetic images: painted of labels, or drawn from noise."""
