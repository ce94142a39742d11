"""From interior maps to labels."""
