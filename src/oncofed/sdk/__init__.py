"""The researcher's client: ``oncofed.connect(url).count("modality = MR", by="sex")`` is a DataFrame."""

from oncofed.sdk.client import Count, Hub, connect

__all__ = ["Count", "Hub", "connect"]
