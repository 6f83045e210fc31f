"""The whole job in one call, for scripts and notebooks, in this process."""

from ..engine.bundle import find_bundle
from ..engine.process import process
from .lesion_result import LesionResult
from .volumes import studyFromNodes


def segmentNodes(scene, nodes, model, alpha=0.5, beta=0.5, minimumVolumeMl=0.0, device="auto"):
    """Mark the lesions of a study of ``scene`` and show them; returns the LesionResult.

    ``nodes``: {"flair": node, "t1": node or None, ...}, the first is the reference; ``model``: name or folder of a
    bundle; ``alpha``, ``beta``: weights of false positives and false negatives. Blocks until all is done: panels use
    ``segmentation_run``. Raises InputError, one sentence, for input that cannot be used.
    """
    study = studyFromNodes(nodes)
    result = LesionResult(scene, nodes[study.reference], process(study, find_bundle(model), device))
    result.show(alpha, beta, minimumVolumeMl)
    return result
