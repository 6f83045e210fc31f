"""A made-up patient, prepared like a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.prepare import Plan
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume

from ..datasets.prepare_case import PreparedCase, prepare_study
from ..synthetic.lesion_shapes import LesionShapes, read_lesion_shapes
from ..synthetic.patient import synthesise
from ..synthetic.placement import placed_anatomy
from .recipe import Synthetic, SyntheticPart

MADE = ("flair", "t1", "t2")


def synthetic_jobs(synthetic: Synthetic) -> list[dict]:
    """One job a patient: ``id``, ``split``, ``seed``, ``label_map`` and ``load_ml`` (None: drawn), ready for JSON."""
    jobs = []
    for part in synthetic.parts:
        for number in range(part.count):
            seed = part.first_seed + number
            jobs.append(
                {
                    "id": f"synthetic-{seed:05d}",
                    "split": part.split,
                    "seed": seed,
                    "label_map": part.label_maps[number % len(part.label_maps)],
                    "shape_patients": list(part.shape_patients),
                    "load_ml": 0.0 if _is_free(part, number) else None,
                }
            )
    return jobs


def prepare_synthetic(job: dict, synthetic: Synthetic, data: Path, plan: Plan, kept: Path) -> PreparedCase:
    """Draw the patient of ``job`` and prepare it. ``kept``: folder where the places of label maps are remembered.

    Raises InputError when a file of the recipe is missing or the plan's first channel is not one that can be made up.
    """
    if plan.channels[0] not in MADE:
        raise InputError(
            f"Made-up patients have the channels {', '.join(MADE)}, not {plan.channels[0]}; put one first."
        )
    named = [synthetic.patients, synthetic.single, synthetic.template]
    named = [data / path for path in named if path is not None]
    for path in [*named, data / synthetic.label_maps.format(number=job["label_map"])]:
        if not path.exists():
            raise InputError(f"{path} does not exist; correct the recipe's 'synthetic' entry.")
    whole = read_lesion_shapes(data / synthetic.patients)
    first, last = job["shape_patients"]
    whole = LesionShapes(whole.patients[first:last], whole.shape, whole.affine)
    single = None if synthetic.single is None else read_lesion_shapes(data / synthetic.single)
    label_map = data / synthetic.label_maps.format(number=job["label_map"])
    template = None if synthetic.template is None else data / synthetic.template
    anatomy = placed_anatomy(label_map, template, kept)
    patient = synthesise(job["seed"], anatomy, whole, single, load_ml=job["load_ml"])
    grid = Geometry(patient.mask.shape, np.eye(4))
    volumes = {name: Volume(patient.images[name], grid, name) for name in plan.channels if name in patient.images}
    prepared = prepare_study(Study(volumes, reference=next(iter(volumes))), patient.mask > 0, plan)
    prepared.facts["synthetic"] = {**job, **patient.settings}
    return prepared


def _is_free(part: SyntheticPart, number: int) -> bool:
    return part.lesion_free_every is not None and number % part.lesion_free_every == 0
