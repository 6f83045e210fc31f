"""Foreign models (MONAI), outside the engine's contract.

Rules: each adapter is a program run in a process of its own, with whatever packages its model needs; nothing imports
it. It may use the engine. ``network_server`` is what all adapters that run a network share; how the engine speaks with
them is told in ``engine.foreign_network``.
"""
