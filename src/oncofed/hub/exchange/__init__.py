"""Tasks to nodes and results from them, as opaque envelopes: knows no domain."""
