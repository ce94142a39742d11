"""The docks in napari, and the only place that knows napari and Qt."""
