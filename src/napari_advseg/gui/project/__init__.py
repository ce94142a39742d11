"""A project in a window: opened, shown, written down as it changes."""
