"""DeconvNet: encoder and decoder joined by pooling switches."""
