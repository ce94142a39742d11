"""What becomes of a review: done again elsewhere, baked, reported, learnt from."""
