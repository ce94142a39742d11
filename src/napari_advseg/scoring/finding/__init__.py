"""Where labels are wrong, and what putting each place right gains."""
