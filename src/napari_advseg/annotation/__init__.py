"""Help for the one who annotates: sections in between, copies, the share done, and where to go on."""
