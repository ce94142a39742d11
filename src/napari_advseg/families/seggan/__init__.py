"""SegGAN: a segmenter refined by a frozen GAN that paints images of class maps."""
