"""CycleGAN: two translators there and back, learnt from images and maps that do not belong together."""
