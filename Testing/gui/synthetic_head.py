"""A head of noise with bright cubes in it, as a volume node."""

import numpy as np


def addHead(
    name, lesions=((20, 24, 26, 2), (34, 30, 24, 3), (28, 20, 34, 1)), constant=False, brightness=190.0, seed=7
):
    """Add a head of noise with bright cubes (i, j, k, half size) as a volume node with an oblique, anisotropic grid."""
    import slicer
    import vtk

    rng = np.random.default_rng(seed)
    shape = (56, 50, 44)
    centre = (np.array(shape) - 1) / 2
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    inside = (((grid - centre) / (centre * 0.9)) ** 2).sum(-1) < 1
    image = np.where(inside, 100 + rng.normal(0, 4, shape), rng.normal(0, 1, shape))
    for number, (i, j, k, half) in enumerate(lesions):
        image[i - half : i + half + 1, j - half : j + half + 1, k - half : k + half + 1] = brightness + 20 * number
    if constant:
        image[:] = 5.0
    node = slicer.util.addVolumeFromArray(np.ascontiguousarray(image.T.astype(np.float32)), name=name)
    angle = np.radians(8)
    rotation = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([1.0, 1.1, 1.2])
    affine[:3, 3] = -affine[:3, :3] @ centre
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(affine.ravel().tolist())
    node.SetIJKToRASMatrix(matrix)
    node.CreateDefaultDisplayNodes()
    return node
