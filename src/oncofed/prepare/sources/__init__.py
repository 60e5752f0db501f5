"""Where files come from. Whatever it is, it ends as plain files in a directory that the scan walks."""
