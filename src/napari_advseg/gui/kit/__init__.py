"""What docks are built of: forms, editors, plots, tables."""
