"""Boundless: a generator that paints what a mask leaves out, judged by a conditioned critic."""
