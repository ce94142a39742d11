"""U-Net for sections, the supervised baseline."""
