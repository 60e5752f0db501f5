"""The command `oncofed`: one module a noun, imported when it is used."""
