"""StyleGAN: unlabelled crops drawn from noise, to learn from where annotated images are few."""
