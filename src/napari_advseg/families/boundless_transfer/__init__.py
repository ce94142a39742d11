"""The generator of Boundless turned into a segmenter, with layers taken over and held."""
