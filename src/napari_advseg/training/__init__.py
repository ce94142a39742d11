"""Training: one generator loop for every family."""
