"""What every app of the hub may use: no domain."""
