"""The ``prepare`` command: a recipe and a data folder in, one cache file out."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from LesionSegmentationLib import __version__
from LesionSegmentationLib.engine.errors import InputError

from ..datasets import (
    cases_from_rows,
    check_splits,
    read_case_table,
    read_layout,
    split_by_patient,
    write_case_table,
)
from ..datasets.case_files import CaseFiles, check_ids
from .recipe import Recipe, read_recipe

# options of readers that are folders, below the data folder like everything else
PATH_OPTIONS = ("masks", "work", "xml")


def prepare_cache(
    recipe: Recipe, data: Path, cache: Path, *, processes: int = 1, skip_broken: bool = False, say=print
) -> dict[str, str]:
    """Write ``cache`` from ``recipe``; answers the cases that could not be prepared, each with the reason.

    Cases are first prepared one by one into the folder ``<cache>.parts``, so that an interrupted run goes on where it
    was, and then joined. The table of the real cases with the splits they were dealt is written beside the cache, as
    ``<cache>.csv``, for ``evaluate``. ``say(line)`` hears of the progress. Raises InputError for a bad recipe before
    any work, and for the first broken case unless ``skip_broken``.
    """
    from ..patches import join_caches

    if cache.exists():
        raise InputError(f"{cache} exists already; remove it or give the new cache another name.")
    cases = _real_cases(recipe, data)
    jobs = list(_jobs(recipe, cases))
    parts = cache.with_name(cache.name + ".parts")
    parts.mkdir(parents=True, exist_ok=True)
    paths = {job["id"]: parts / f"{_key(job, recipe)}.safetensors" for job in jobs}
    waiting = [job for job in jobs if not paths[job["id"]].exists()]
    if len(waiting) < len(jobs):
        say(f"{len(jobs) - len(waiting)} of {len(jobs)} cases are there already")
    broken: dict[str, str] = {}
    with ProcessPoolExecutor(processes, initializer=_one_thread) as pool:
        running = {pool.submit(_prepare, job, recipe, data, paths[job["id"]], parts): job["id"] for job in waiting}
        try:
            for done, future in enumerate(as_completed(running), 1):
                say(f"{done} of {len(waiting)}: {running[future]}: {_outcome(future, running[future], broken)}")
                if broken and not skip_broken:
                    raise InputError(next(iter(broken.values())))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    kept = [paths[job["id"]] for job in jobs if job["id"] not in broken]
    if not kept:
        raise InputError(
            f"None of the {len(jobs)} cases could be prepared; the first reason: {next(iter(broken.values()))}"
        )
    facts = {"recipe": recipe.model_dump(mode="json"), "code_version": __version__, "left_out": broken}
    join_caches(kept, cache, facts=facts)
    prepared = [case for case in cases if case.id not in broken]
    if prepared:
        write_case_table(cache.with_name(cache.stem + ".csv"), prepared)
    shutil.rmtree(parts)
    return broken


def main(arguments: list[str] | None = None) -> int:
    """Run ``prepare`` with ``arguments``; answers the exit code."""
    parser = argparse.ArgumentParser(prog="LesionSegmentationTraining prepare", description=__doc__)
    parser.add_argument("recipe", type=Path, help="YAML file that says what to prepare")
    parser.add_argument("--data", type=Path, required=True, help="folder that the recipe's paths start at")
    parser.add_argument("--cache", type=Path, required=True, help="file to write, such as cases.safetensors")
    parser.add_argument("--processes", type=int, default=1, help="cases prepared at a time")
    parser.add_argument("--skip-broken", action="store_true", help="leave out cases that cannot be prepared")
    parser.add_argument(
        "--left-out",
        nargs="+",
        default=[],
        metavar="PATIENT",
        help="patients to keep for the test, whatever the recipe",
    )
    options = parser.parse_args(arguments)
    try:
        recipe = read_recipe(options.recipe)
        recipe = recipe.model_copy(update={"left_out": [*recipe.left_out, *options.left_out]})
        broken = prepare_cache(
            recipe, options.data, options.cache, processes=options.processes, skip_broken=options.skip_broken
        )
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for case, reason in broken.items():
        print(f"left out: {case}: {reason}", file=sys.stderr)
    print(f"wrote {options.cache} ({options.cache.stat().st_size / 1e6:.0f} MB)")
    return 0


def _jobs(recipe: Recipe, cases: list[CaseFiles]) -> Iterator[dict]:
    """What is to be prepared: real cases as {"id", "case"}, made-up ones as {"id", "synthetic"}."""
    for case in cases:
        yield {"id": case.id, "case": case}
    if recipe.synthetic is not None:
        from .synthetic_case import synthetic_jobs

        made = synthetic_jobs(recipe.synthetic)
        ids = [case.id for case in cases] + [job["id"] for job in made]
        if len(set(ids)) < len(ids):
            raise InputError("Two patients of the recipe have one id; give the synthetic parts seeds of their own.")
        yield from ({"id": job["id"], "synthetic": job} for job in made)
    elif not cases:
        raise InputError("The recipe names no case: write cases, tables, layouts or synthetic parts.")


def _real_cases(recipe: Recipe, data: Path) -> list[CaseFiles]:
    cases = cases_from_rows(recipe.cases, data, "the recipe's cases") if recipe.cases else []
    for table in recipe.tables:
        cases += read_case_table(data / table)
    for layout in recipe.layouts:
        options = {key: data / value if key in PATH_OPTIONS else value for key, value in layout.options.items()}
        cases += read_layout(layout.reader, data / layout.folder, **options)
    check_ids(cases, "The recipe")
    if any(case.split is None for case in cases):
        cases = split_by_patient(cases, recipe.shares, recipe.seed)
    unknown = set(recipe.left_out) - {case.patient for case in cases}
    if unknown:
        raise InputError(f"No case of the recipe is of {', '.join(sorted(unknown))}; name patients to leave out.")
    cases = [replace(case, split="test") if case.patient in recipe.left_out else case for case in cases]
    check_splits(cases)
    wanted = set(recipe.channels)
    # a channel that the network does not take need not be read
    return [
        replace(case, channels={name: path for name, path in case.channels.items() if name in wanted} or case.channels)
        for case in cases
    ]


def _key(job: dict, recipe: Recipe) -> str:
    """Name of a prepared case's file: another one as soon as anything that went into it changes."""
    made_from: list = [
        __version__,
        job["id"],
        recipe.model_dump(mode="json", exclude={"synthetic", "cases", "tables", "left_out"}),
    ]
    if "synthetic" in job:
        made_from += [job["synthetic"], recipe.synthetic.model_dump(mode="json", exclude={"parts"})]
    else:
        case = job["case"]
        made_from += [repr(case), [[path.stat().st_size, path.stat().st_mtime_ns] for path in case.files]]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _prepare(job: dict, recipe: Recipe, data: Path, path: Path, parts: Path) -> str:
    """Prepare one case into a cache of its own; answers a line about it."""
    from ..patches import CacheWriter

    if "synthetic" in job:
        from .synthetic_case import prepare_synthetic

        prepared = prepare_synthetic(job["synthetic"], recipe.synthetic, data, recipe.plan, parts / "alignment")
        identity = {"id": job["id"], "patient": job["id"], "split": job["synthetic"]["split"], "kind": "synthetic"}
    else:
        from ..datasets.prepare_case import prepare_case

        case = job["case"]
        if recipe.channels[0] not in case.channels:
            raise InputError(f"Case {case.id} has no {recipe.channels[0]}, the first channel, which every case needs.")
        prepared = prepare_case(case, recipe.plan)
        identity = {"id": case.id, "patient": case.patient, "split": case.split, "kind": "real"}
    with CacheWriter(path, tuple(recipe.channels), recipe.spacing_mm) as writer:
        writer.add(**identity, image=prepared.image, lesions=prepared.lesions, facts=prepared.facts)
    return f"{prepared.facts['lesions']} lesions, {prepared.facts['load_ml']:.2f} ml"


def _outcome(future, case: str, broken: dict[str, str]) -> str:
    try:
        return future.result()
    except InputError as error:
        broken[case] = str(error)
        return f"left out: {error}"


def _one_thread() -> None:
    """Processes share the cores among themselves."""
    import SimpleITK as sitk
    import torch

    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
