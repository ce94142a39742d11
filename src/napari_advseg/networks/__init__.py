"""Networks without opinions: they return logits and know no losses, data or settings."""
