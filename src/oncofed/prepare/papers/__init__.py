"""Papers for people, filled from a run: certificate, DPIA, record of processing. Templates lie beside this file."""

from oncofed.prepare.papers.rendering import render

__all__ = ["render"]
