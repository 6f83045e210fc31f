"""A whole case table judged: the cases one by one, the summary over patients, and the files that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.provenance import now, versions

from . import plots
from .case_record import case_record
from .froc import Findings
from .lesion_figures import recall_by_size
from .page import evaluation_page, number, setting_name
from .score_figures import calibration_error, pooled
from .sources import ModelSource, PredictionFolder
from .summary import froc_summary, isbi_summary, per_patient, summarise, volume_summary
from .tables import write_csv, write_json, write_text


def judge(
    cases: Sequence,
    source: ModelSource | PredictionFolder,
    folder: Path,
    betas: Sequence[float],
    level: float = 0.5,
    say: Callable[[str], None] = print,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> tuple[list[dict], dict[str, str]]:
    """Return the records of ``cases`` and, by id, why the others failed. A record lies in ``folder`` once it is made.

    One broken case does not stop the others, whatever is wrong with it. ``say(line)`` hears of each case.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records, failed = [], {}
    for place, case in enumerate(cases, 1):
        try:
            record, known = case_record(case, source, folder, betas, level, progress)
        except InputError as error:
            failed[case.id] = str(error)
        except Exception as error:  # an unforeseen failure is that of this case alone
            failed[case.id] = f"unexpected failure ({type(error).__name__}: {error})"
        else:
            records.append(record)
        text = failed.get(case.id) or _told(record, known)
        say(f"{place} of {len(cases)}: {case.id}: {'FAILED: ' if case.id in failed else ''}{text}")
    return records, failed


def summary_of(records: Sequence[dict], level: float = 0.5) -> dict:
    """Return what ``records`` say together, ready for JSON.

    ``settings``: one entry for each setting with ``beta``, ``figures`` (see ``summarise``), ``volume_correlation``,
    ``isbi`` and ``recall_by_size``. For posteriors ``score`` (summaries of auc_pr, brier and ece), ``calibration``
    (``error`` and ``reliability`` per decile over all voxels of all cases together) and ``froc``.
    """
    settings = []
    for n, (beta, rows) in enumerate(settings_rows(records).items()):
        settings.append(
            {
                "beta": beta,
                "figures": summarise(rows),
                "volume_correlation": volume_summary(rows),
                "isbi": isbi_summary(rows),
                "recall_by_size": recall_by_size([lesion for record in records for lesion in record["lesions"][n]]),
            }
        )
    answer = {"cases": len(records), "patients": len({r["patient"] for r in records}), "settings": settings}
    scored = [record for record in records if record["score"]]
    if scored:
        tables = [record["score"]["reliability"] for record in scored]
        rows = [{"patient": r["patient"], **{k: r["score"][k] for k in ("auc_pr", "brier", "ece")}} for r in scored]
        images: dict[str, list[Findings]] = {}
        for record in scored:
            images.setdefault(record["patient"], []).append(Findings.from_dict(record["findings"]))
        answer["score"] = summarise(rows)
        answer["calibration"] = {"error": calibration_error(tables), "reliability": pooled(tables)}
        curve = froc_summary(images)
        answer["froc"] = curve and {"level": level, **curve}
    return answer


def settings_rows(records: Sequence[dict]) -> dict[float | None, list[dict]]:
    """Return the rows of figures of all ``records`` by setting (beta; None: a mask), each with case and patient."""
    rows: dict[float | None, list[dict]] = {}
    for record in records:
        for row in record["settings"]:
            rows.setdefault(row["beta"], []).append({"case": record["id"], "patient": record["patient"], **row})
    return rows


def write_evaluation(
    folder: Path, records: Sequence[dict], failed: dict[str, str], source: ModelSource | PredictionFolder, stated: dict
) -> None:
    """Write cases.csv, patients.csv, summary.json, summary.md and the plots into ``folder``, each whole or not at all.

    ``stated``: what was asked for, kept as provenance. Without any record only the summary says so.
    """
    provenance = {"made": now(), **source.facts, "versions": versions(), "stated": stated}
    summary = {**summary_of(records, stated.get("froc_level", 0.5)), "failed": failed}
    by_setting = settings_rows(records)
    patients = [
        {"beta": beta, **row} for beta, rows in by_setting.items() for row in per_patient(_with_scores(rows, records))
    ]
    cases = [row for rows in by_setting.values() for row in _with_scores(rows, records)]
    write_csv(folder / "cases.csv", cases)
    write_csv(folder / "patients.csv", patients)
    write_json(folder / "summary.json", {"provenance": provenance, **summary, "per_patient": patients})
    write_text(folder / "summary.md", evaluation_page(summary, patients, source.facts))
    if records:
        _draw(folder, records, summary, patients)


def _draw(folder: Path, records: Sequence[dict], summary: dict, patients: Sequence[dict]) -> None:
    plots.operating_curves(folder / "operating-curves.png", records)
    names = {setting_name(setting["beta"]): setting["recall_by_size"] for setting in summary["settings"]}
    plots.recall_by_size_bars(folder / "recall-by-size.png", names)
    betas = [setting["beta"] for setting in summary["settings"]]
    middle = min(betas, key=lambda beta: abs((0.5 if beta is None else beta) - 0.5))
    plots.volumes(folder / "volumes.png", [row for row in patients if row["beta"] == middle], setting_name(middle))
    if "calibration" in summary:
        calibration = summary["calibration"]
        plots.reliability_diagram(folder / "reliability.png", calibration["reliability"], calibration["error"])
    if summary.get("froc"):
        plots.froc_curve(folder / "froc.png", summary["froc"])


def _with_scores(rows: Sequence[dict], records: Sequence[dict]) -> list[dict]:
    """The rows with what does not depend on the setting, the same in all rows of a case."""
    scores = {record["id"]: record["score"] for record in records}
    names = ("auc_pr", "brier", "ece")
    return [{**row, **({n: scores[row["case"]][n] for n in names} if scores[row["case"]] else {})} for row in rows]


def _told(record: dict, known: bool) -> str:
    values = ", ".join(f"{setting_name(row['beta'])} Dice {number(row['dice'])}" for row in record["settings"])
    return values + (" (from before)" if known else "")
