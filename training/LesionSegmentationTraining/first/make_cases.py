"""Make the cases a configuration asks for: synthetic training and held-out patients, and the real ones.

python -m LesionSegmentationTraining.make_cases CONFIG --data DATA --cases CASES [--processes N]
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nibabel
import numpy as np
import torch

from ..synthetic.anatomy import Anatomy, read_anatomy, register_to_template
from ..synthetic.lesion_shapes import LesionShapes, read_lesion_shapes
from ..synthetic.patient import synthesise
from .cases import read_real, write_case


def main(arguments: list[str] | None = None) -> None:
    """Run the command with ``arguments``, those of the process when None; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with label-maps, lesion-shapes and ms-real")
    parser.add_argument("--cases", type=Path, required=True, help="folder the cases are written to")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    config = json.loads(options.config.read_text())
    make_real(config["real"], options.data, options.cases)
    jobs = [(job, options.data, options.cases) for part in config["synthetic"] for job in jobs_of(part)]
    jobs = [job for job in jobs if not (options.cases / job[0]["part"] / job[0]["name"] / "case.json").exists()]
    with ProcessPoolExecutor(options.processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for done, name in enumerate(pool.map(make_synthetic, *zip(*jobs)) if jobs else ()):
            print(f"{done + 1} of {len(jobs)}: {name}", flush=True)


def jobs_of(part: dict) -> list[dict]:
    """One job a patient: seeds run on from ``first_seed``, label maps and lesion-shape patients are cycled through."""
    maps = part["label_maps"]
    return [
        {**part, "seed": part["first_seed"] + n, "label_map": maps[n % len(maps)], "name": f"synthetic-{n:03d}"}
        for n in range(part["count"])
    ]


def make_synthetic(job: dict, data: Path, cases: Path) -> str:
    """Draw one synthetic patient and write it as a case of its part ("train", "calibrate")."""
    whole = read_lesion_shapes(data / "lesion-shapes" / "ljubljana-masks.npz")
    first, last = job["shape_patients"]
    whole = LesionShapes(whole.patients[first:last], whole.shape, whole.affine)
    single = read_lesion_shapes(data / "lesion-shapes" / "ms-mist-shapes.npz")
    anatomy = placed_anatomy(data, job["label_map"], cases / "alignment")
    every = job.get("lesion_free_every")
    load = 0.0 if every and job["seed"] % every == 0 else None
    patient = synthesise(job["seed"], anatomy, whole, single, load_ml=load)
    facts = {"kind": "synthetic", **patient.settings}
    write_case(cases / job["part"] / job["name"], {"flair": patient.flair, "t1": patient.t1}, patient.mask, facts)
    return f"{job['part']}/{job['name']} {patient.settings['load_ml']:.2f} ml"


def placed_anatomy(data: Path, number: int, cache: Path) -> Anatomy:
    """Label map ``number`` with its affine to MNI152, found once (by the T1 of mslesseg-P14, a training patient)."""
    anatomy = read_anatomy(data / "label-maps" / f"training_seg_{number:02d}.nii.gz")
    stored = cache / f"{anatomy.name}.npy"
    if not stored.exists():
        template = nibabel.load(data / "ms-real" / "mslesseg-P14" / "time1_t1.nii.gz")
        matrix = register_to_template(anatomy, template.get_fdata(dtype=np.float32), template.affine)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(stored, matrix)
    return Anatomy(anatomy.tissue, anatomy.affine, np.load(stored), anatomy.name)


def make_real(parts: dict[str, list[dict]], data: Path, cases: Path) -> None:
    """Write the real cases of each part; a case says its files by path below ``ms-real``."""
    for part, listed in parts.items():
        for entry in listed:
            folder = cases / part / entry["name"]
            if (folder / "case.json").exists():
                continue
            files = {key: data / "ms-real" / entry[key] for key in ("flair", "t1", "mask")}
            channels, mask = read_real(files["flair"], files["t1"], files["mask"])
            write_case(folder, channels, mask, {"kind": "real", "load_ml": float(mask.sum()) / 1000})


if __name__ == "__main__":
    main()
