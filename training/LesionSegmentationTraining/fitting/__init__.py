"""Fitting: the Lightning module and data module, averaged weights, checkpoints, the commands, and sweeps."""
