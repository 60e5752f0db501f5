"""The catalogue: what the nodes publish about their datasets."""
