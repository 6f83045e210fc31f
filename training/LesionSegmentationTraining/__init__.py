"""Making models: losses, sampling, synthesis, data sets, fitting and evaluation.

Rules: imports the engine (one preparation for training and for use), never scene, gui or Slicer; nothing in the
extension imports this package. What it makes is a bundle that the engine loads. PEP 8 names.
"""
