"""The kinds of task a node answers, one module a kind."""
