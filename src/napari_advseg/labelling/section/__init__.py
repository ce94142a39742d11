"""One section: its interior map becomes labels, openings in its walls closed."""
