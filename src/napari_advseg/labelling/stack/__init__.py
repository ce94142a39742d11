"""A whole stack: fragments joined, linked or cut apart through the sections."""
