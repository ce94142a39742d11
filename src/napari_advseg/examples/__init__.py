"""From volumes to batches: what 0 means, places, crops, augmentation, targets."""
