"""The Score dock."""
