"""Conditional GAN (pix2pix): a translator from image to map, judged by a patch critic."""
