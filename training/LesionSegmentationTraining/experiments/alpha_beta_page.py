"""The page, the table and the plot of the experiment on alpha and beta, from the figures that ``measure`` wrote."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean

FIGURES = ("tversky", "dice", "f2", "precision", "recall", "lesion_tpr", "lesion_fdr")
NAMES = {
    "ce": "cross-entropy, tau(rho)",
    "ce_tversky": "cross-entropy + Tversky 0.5, tau(rho)",
    "tversky": "one network per setting, trained with Tversky",
    "conditioned": "one network, head takes the setting",
}


def write_page(runs: Path, networks: list[str], output: Path) -> None:
    """Write ``alpha-beta.json``, ``alpha-beta.md`` and ``alpha-beta.png`` into ``output``."""
    content = {name: json.loads((runs / name / "figures.json").read_text()) for name in networks}
    rows = [{**row, "way": row["network"].split("_0")[0]} for one in content.values() for row in one["rows"]]
    means = {kind: _means([row for row in rows if row["kind"] == kind]) for kind in ("real", "synthetic")}
    scores = {way: fmean(row["tversky"] for row in of_way.values()) for way, of_way in means["real"].items()}
    result = {
        "winner": max(scores, key=scores.get),
        "mean_tversky_real": scores,
        "means": {kind: {way: {str(b): row for b, row in of.items()} for way, of in one.items()}
                  for kind, one in means.items()},
        "calibration": {name: one["calibration"] for name, one in content.items()},
        "rows": rows,
    }  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    (output / "alpha-beta.json").write_text(json.dumps(_rounded(result), indent=1) + "\n")
    (output / "alpha-beta-tables.md").write_text(_tables(scores, means, rows))
    _plot(means, output / "alpha-beta.png")


def _means(rows: list[dict]) -> dict[str, dict[float, dict]]:
    """Way, beta: the mean of every figure over patients, time points of one patient averaged first."""
    values: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(list))))
    for row in rows:
        for key, value in _derived(row).items():
            if value is not None:
                values[row["way"]][row["beta"]][key][row["patient"]].append(value)
    return {
        way: {
            beta: {key: fmean(fmean(one) for one in patients.values()) for key, patients in figures.items()}
            for beta, figures in sorted(settings.items())
        }
        for way, settings in values.items()
    }


def _derived(row: dict) -> dict:
    figures = {key: row.get(key) for key in (*FIGURES, "auc_pr")}
    # an empty answer is wrong where there are lesions, whatever its precision
    figures["precision"] = row["precision"] if row["precision"] is not None else 0.0
    for name in ("precision", "recall"):
        if row.get(f"expected_{name}") is not None:
            figures[f"{name}_gap"] = row[f"expected_{name}"] - figures[name]
            figures[f"{name}_error"] = abs(figures[f"{name}_gap"])
    return figures


def _tables(scores: dict, means: dict, rows: list[dict]) -> str:
    lines = ["| way | mean true Tversky index |", "|---|---|"]
    lines += [f"| {NAMES[way]} | {score:.3f} |" for way, score in sorted(scores.items(), key=lambda pair: -pair[1])]
    for kind, title in (("real", "Real patients, all left out"), ("synthetic", "Made-up patients, left out")):
        lines += ["", f"### {title}", ""]
        columns = ("beta", *FIGURES, "auc_pr", "precision_gap", "recall_gap")
        lines += ["| way | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        for way, settings in means[kind].items():
            for beta, row in settings.items():
                cells = [f"{row[key]:.3f}" if key in row else "" for key in columns[1:]]
                lines.append(f"| {NAMES[way]} | {beta} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "### Each real patient",
        "",
        "| case | way | beta | Dice | precision (expected) | recall (expected) |",
    ]
    lines.append("|---" * 6 + "|")
    for row in sorted((row for row in rows if row["kind"] == "real"), key=lambda row: (row["case"], row["way"])):
        said = [
            f"{row[name] or 0:.2f}"
            + (f" ({row['expected_' + name]:.2f})" if row.get(f"expected_{name}") is not None else "")
            for name in ("precision", "recall")
        ]
        lines.append(f"| {row['case']} | {row['way']} | {row['beta']} | {row['dice']:.2f} | {said[0]} | {said[1]} |")
    return "\n".join(lines) + "\n"


def _plot(means: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    real, points, made = axes
    for way, settings in means["real"].items():
        rows, synthetic = list(settings.values()), means["synthetic"].get(way, {})
        real.plot(list(settings), [row["tversky"] for row in rows], "o-", label=NAMES[way])
        points.plot([row["recall"] for row in rows], [row["precision"] for row in rows], "o-")
        made.plot(list(synthetic), [row["tversky"] for row in synthetic.values()], "o-")
    for axis, title in ((real, "Real patients left out"), (made, "Made-up patients left out")):
        axis.set(xlabel="beta (alpha = 1 - beta)", ylabel="true Tversky index", title=title, ylim=(0, 1))
    points.set(xlabel="recall", ylabel="precision", title="Real patients left out", xlim=(0, 1), ylim=(0, 1))
    figure.legend(loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=90)


def _rounded(value):
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
