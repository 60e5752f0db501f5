"""The shared language of hub, node and SDK: queries, vocabularies, wire types and error codes. No I/O but its own tables."""
