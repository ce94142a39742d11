"""Residual U-Net for volumes."""
