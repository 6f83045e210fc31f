"""The command line: a ring of its own around the engine, beside the scene.

Rules: imports the engine only, so that it runs where there is no Slicer; says what a person needs in sentences and
what a program needs as JSON; exits 0 only when everything asked for was written, 2 for bad input. PEP 8 names.
"""
