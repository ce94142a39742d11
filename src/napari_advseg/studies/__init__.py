"""Studies: several recipes with one question, their rows as CSV and the answer as a page."""
