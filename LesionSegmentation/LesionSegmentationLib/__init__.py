"""What the LesionSegmentation module is made of, in rings; imports go inward only.

engine      torch, numpy, scipy, SimpleITK: a study in, a probability map, an operating curve and lesions out
cli         the command line around the engine
scene       MRML nodes in, MRML nodes out
gui         the panels
adapters    foreign models, each in a process of its own

The rules are checked by the import-linter contracts in pyproject.toml.
"""

__version__ = "0.1.0"
