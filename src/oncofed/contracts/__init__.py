"""The shared language of hub, node and SDK: queries, vocabularies, wire types, error codes. Does no I/O."""
