"""Arrays that are read where they are indexed, and written to without touching their source."""
