"""Performance and attacks, measured: `oncofed bench NAME`; the loads and the peers beside them."""
