"""Foreign models (MONAI, nnU-Net), outside the engine's contract.

Rules: each adapter is a program run in a process of its own, with whatever packages its model needs; nothing imports
it. What it gives back is a probability volume that the engine reads like any other.
"""
