"""From cached cases to batches of patches: the cache file, where patches lie, and how they are changed."""

from .case_cache import CacheWriter, Case, CaseCache, join_caches, open_cache, open_caches
from .patch_batches import PatchBatches
from .sampling import SAMPLERS, Place, build_sampler

__all__ = [
    "SAMPLERS",
    "CacheWriter",
    "Case",
    "CaseCache",
    "PatchBatches",
    "Place",
    "build_sampler",
    "join_caches",
    "open_cache",
    "open_caches",
]
