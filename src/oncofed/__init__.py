"""oncofed: search, share and study cancer images across hospitals without moving them."""

__version__ = "0.1.0"
