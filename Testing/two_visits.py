"""Two visits of one made-up patient: heads with lesions, the later one turned, moved and on another kind of grid."""

import numpy as np
from scipy.spatial.transform import Rotation

from LesionSegmentationLib.engine.follow_up_alignment import TimePoint
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.engine.volume import Volume

# What happens to each lesion: (place in the head, mm; radius before and after, mm; 0 where it is not there).
LESIONS = {
    "new": ((20, 12, 9), 0, 4.0),
    "grown": ((-18, 20, 4), 3.0, 5.0),
    "shrunk": ((16, -20, -8), 5.5, 3.5),
    "gone": ((-20, -14, 12), 4.0, 0),
    "unchanged": ((2, 26, -14), 4.5, 4.5),
}


def rigid(degrees=(0, 0, 0), shift=(0, 0, 0)):
    """Return the (4, 4) matrix that turns by Euler angles about the origin and then moves."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


MOTION = rigid((9, -6, 11), (6, -11, 8))
UPRIGHT = Geometry((90, 100, 84), np.array([[1.0, 0, 0, -44.5], [0, 1, 0, -49.5], [0, 0, 1, -41.5], [0, 0, 0, 1]]))


def oblique_left_handed(middle):
    """A grid of 1.1 x 1 x 1.3 mm, permuted, left-handed and oblique, round ``middle`` (RAS mm)."""
    shape = (80, 96, 104)
    axes = rigid((7, 12, -8))[:3, :3] @ np.diag([-1.0, 1.1, 1.3])[:, [2, 0, 1]]
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = middle - axes @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine)


def head(places, lesions=(), seed=0):
    """Grey values at ``places`` (..., 3), mm in the head: an egg with a dark core, folds and bright lesions."""
    x, y, z = np.moveaxis(places, -1, 0)
    radius = np.sqrt((x / 36) ** 2 + (y / 42) ** 2 + (z / 34) ** 2) + 0.05 * np.sin(x / 9) * np.cos(y / 7 + 1)
    tissue = 100 + 18 * np.sin(x / 6 + 0.7) * np.cos(z / 8) + 14 * np.sin(y / 10 - z / 9) + 0.3 * x + 0.2 * y
    core = np.sqrt(((x - 3) / 9) ** 2 + ((y + 4) / 17) ** 2 + ((z - 2) / 10) ** 2)
    tissue = np.where(core < 1, 45, tissue)
    image = tissue * np.clip((1 - radius) * 12, 0, 1)
    image = image + 90 * lesion_probability(places, lesions) * (radius < 1)
    return (image + np.random.default_rng(seed).normal(0, 2, image.shape)).astype(np.float32)


def lesion_probability(places, lesions):
    """Soft-edged balls: 0 to 1, 0.5 at their radius; ``lesions``: ((x, y, z), radius) in mm."""
    probability = np.zeros(places.shape[:-1])
    for centre, radius in lesions:
        if radius:
            distance = np.linalg.norm(places - np.array(centre, float), axis=-1)
            probability = np.maximum(probability, np.clip(0.5 + (radius - distance) / 2, 0, 1))
    return probability


def visit(time, motion=None, geometry=UPRIGHT, lesions=None, provenance=None, floor=(), seed=None):
    """Return the TimePoint of ``time`` (0, 1), the head moved by ``motion`` (head mm -> RAS mm), on ``geometry``."""
    lesions = LESIONS if lesions is None else lesions
    placed = [(place, radii[time]) for place, *radii in lesions.values()]
    back = np.linalg.inv(np.eye(4) if motion is None else motion)
    ijk = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), -1).reshape(-1, 3)
    places = (geometry.world(ijk) @ back[:3, :3].T + back[:3, 3]).reshape(*geometry.shape, 3)
    probability = lesion_probability(places, placed).astype(np.float32)
    image = Volume(head(places, placed, seed=time if seed is None else seed), geometry, f"visit {time + 1}")
    model = {"model": {"name": "made up", "version": "1"}, "reference": "flair", **(provenance or {})}
    return TimePoint(image, ProbabilityMap(probability, geometry, {}, list(floor), model))


def moved_visit(time=1, motion=MOTION, **options):
    """The visit on an oblique, left-handed, permuted grid, with the head moved by ``motion``."""
    return visit(time, motion, oblique_left_handed(motion[:3, 3]), **options)
