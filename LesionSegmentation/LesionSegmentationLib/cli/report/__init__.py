"""The HTML report of a result: one self-contained file that works without a network."""
