"""Everything that touches napari itself, its private parts included."""
