"""Keys, signatures and pseudonyms. Pure: no file, no network, no clock of its own."""

from oncofed.trust.keys import SigningKey, verify
from oncofed.trust.pseudonyms import Pseudonyms

__all__ = ["Pseudonyms", "SigningKey", "verify"]
