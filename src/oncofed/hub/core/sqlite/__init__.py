"""Django's SQLite, with writers of one process that queue instead of knocking."""
