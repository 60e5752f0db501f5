"""People, organisations, roles and tokens."""
