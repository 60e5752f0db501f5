"""The hospital's node: it only calls out, answers what its policy allows, and records every byte that leaves."""
