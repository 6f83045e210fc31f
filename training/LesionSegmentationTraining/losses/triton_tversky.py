"""Placeholder until the kernels are in: the torch path is used everywhere."""


def usable(voxels) -> bool:
    """Whether the kernels can take these voxels."""
    return False
