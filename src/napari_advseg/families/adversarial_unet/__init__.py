"""U-Net whose interior maps a critic compares with true ones, against open boundaries."""
