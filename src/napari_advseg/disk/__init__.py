"""Files that survive a kill, and folders in which one window at a time works."""
