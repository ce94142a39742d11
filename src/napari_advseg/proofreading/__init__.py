"""Labels under edit: what was changed, kept so that nothing of it is lost."""
