"""The report as one HTML page: everything embedded, nothing fetched."""

from __future__ import annotations

import base64
import math
from html import escape

import numpy as np

from ...engine.lesion_csv import lesion_rows
from ...engine.operating_curve_csv import curve_rows
from ...engine.result import Outcome, Result
from ...engine.setting import Setting
from ...engine.volume import Volume
from .pictures import curve_plot, slice_row
from .slices import AxialView, choose_slices, grey_window
from .style import STYLE

SLICES = 5
LONGEST_TABLE = 200
BETAS = {0.2: "fewer false", 0.5: "balanced", 0.8: "fewer missed"}
HEADINGS = {
    "lesion": "lesion",
    "voxels": "voxels",
    "volume_ml": "volume (ml)",
    "diameter_mm": "diameter (mm)",
    "equivalent_diameter_mm": "sphere diameter (mm)",
    "mean_probability": "mean prob.",
    "highest_probability": "highest prob.",
    "centroid_right_mm": "R (mm)",
    "centroid_anterior_mm": "A (mm)",
    "centroid_superior_mm": "S (mm)",
    "appears_at_beta": "appears at beta",
}


def page(result: Result, image: Volume) -> str:
    """Return the report of ``result`` on the image it was made from (same grid), as HTML text."""
    present = Outcome.of(result.probability_map, result.setting, result.minimum_volume_ml)
    sections = [
        _header(present, image.name),
        _slices(present, image),
        _curve(present),
        _lesion_table(present),
        _provenance(result),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Lesion segmentation: {escape(image.name)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n<footer>Research use, not a medical device.</footer>\n</main>\n</body>\n</html>\n"
    )


def _header(present: Outcome, name: str) -> str:
    summary = present.summary()
    model = present.probability_map.provenance.get("model") or {}
    cards = [
        ("lesions", str(summary["lesions"])),
        ("volume", f"{summary['volume_ml']:.2f} ml"),
        *((f"expected {word}", _number(summary[f"expected_{word.lower()}"], 2)) for word in ("precision", "recall")),
        ("expected Dice", _number(summary["expected_dice"], 2)),
        ("expected F2", _number(summary["expected_f2"], 2)),
    ]
    tiles = "".join(f'<div class="card"><b>{value}</b><span>{word}</span></div>' for word, value in cards)
    small = f", lesions from {present.minimum_volume_ml:g} ml" if present.minimum_volume_ml else ""
    point = present.point
    stated = point.alpha is None or not point.of_probability
    threshold = "" if stated else f", threshold {_number(point.threshold, 3)}"
    made_from = f"{name} · model {model.get('name')} {model.get('version')}"
    return (
        '<header><p class="notice">Research use, not a medical device</p><h1>Lesion segmentation</h1>'
        f"<p>{escape(made_from)} &middot; {_setting_words(present)}{threshold}{small}</p></header>"
        f'<div class="cards">{tiles}</div><p class="source">{escape(_source(summary))}</p>'
    )


def _source(summary: dict) -> str:
    said = summary["figures_from"]
    if summary["withheld"]:
        return f"Expected figures are {said}"
    return f"Figures: {said}. They are what the model itself expects, not a comparison with a reference."


def _slices(present: Outcome, image: Volume) -> str:
    shown = [(words, _at_beta(present, beta)) for beta, words in BETAS.items()]
    if not any(outcome.point.rho == present.point.rho for _, outcome in shown):
        shown.append(("this result", present))
        shown.sort(key=lambda entry: entry[1].point.count)
    view = AxialView.of(image.array, image.geometry)
    most = max((outcome for _, outcome in shown), key=lambda outcome: outcome.point.count)
    slices = choose_slices(view, image.array, [present.lesions, most.lesions], SLICES)
    window = grey_window(image.array)
    plain = slice_row(view, image.array, window, slices, None)
    rows = [f"<figure>{_picture(plain, 'Slices without overlay')}</figure>"]
    for words, outcome in shown:
        this = outcome.point.rho == present.point.rho and outcome.point.count == present.point.count
        caption = f"<b>{_setting_words(outcome)}</b> {escape(words)} &middot; {_found(outcome)}"
        if this and words != "this result":
            caption += ' <em class="this">this result</em>'
        png = slice_row(view, image.array, window, slices, outcome.lesions.mask())
        rows.append(f"<figure><figcaption>{caption}</figcaption>{_picture(png, _setting_words(outcome))}</figure>")
    return (
        "<section><h2>The same study at different settings</h2><p>Axial slices through the largest lesions; the "
        f"patient's right is on the left of the picture.</p>{''.join(rows)}</section>"
    )


def _curve(present: Outcome) -> str:
    if present.probability_map.withheld:
        return ""
    rows = curve_rows(present.curve)
    figures = present.lesions.figures
    png = curve_plot(rows, (_place_on_curve(present, rows), figures.precision, figures.recall))
    note = " The dots count the lesions shown, the lines every marked voxel." if present.minimum_volume_ml else ""
    return (
        "<section><h2>Operating curve</h2><p>What every other setting would give, from the same run of the network."
        f"{note}</p>{_picture(png, 'Operating curve')}</section>"
    )


def _lesion_table(present: Outcome) -> str:
    rows = lesion_rows(present.lesions)
    if not rows:
        return "<section><h2>Lesions</h2><p>No lesion is marked at this setting.</p></section>"
    head = "".join(f"<th>{escape(text)}</th>" for text in HEADINGS.values())
    body = "".join(
        "<tr>" + "".join(f"<td>{_number(row[name], _digits(name))}</td>" for name in HEADINGS) + "</tr>"
        for row in rows[:LONGEST_TABLE]
    )
    more = f"<p>{len(rows) - LONGEST_TABLE} smaller ones are in lesions.csv.</p>" if len(rows) > LONGEST_TABLE else ""
    return (
        f"<section><h2>Lesions</h2><p>Largest first; the centroid in RAS millimetres.</p><table><thead><tr>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table>{more}</section>"
    )


def _provenance(result: Result) -> str:
    stored = result.provenance
    entries = []
    for channel, given in (stored.get("inputs") or {}).items():
        entries.append((f"input {channel}", f"{given.get('name')} · sha256 {given.get('sha256')}"))
    model = stored.get("model") or {}
    entries.append(("model", f"{model.get('name')} {model.get('version')} · sha256 {model.get('sha256')}"))
    for key in ("calibration", "floor", "score", "settings", "versions", "device", "seconds", "written", "retuned"):
        if stored.get(key) is not None:
            entries.append((key, _plain(stored[key])))
    entries += [("note", note) for note in stored.get("notes") or []]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in entries)
    return f"<section><h2>Provenance</h2><dl>{items}</dl></section>"


def _at_beta(present: Outcome, beta: float) -> Outcome:
    return present.at(Setting(alpha=round(1 - beta, 6), beta=beta))


def _place_on_curve(outcome: Outcome, rows: list[dict]) -> float:
    """log2(beta / alpha) of the outcome; that of the same number of voxels where a threshold was asked for."""
    if outcome.point.rho:
        return float(np.clip(math.log2(outcome.point.rho), -6, 6))
    if outcome.point.rho == 0:
        return -6.0
    return float(np.interp(outcome.point.count, [row["voxels"] for row in rows], np.log2([row["rho"] for row in rows])))


def _setting_words(outcome: Outcome) -> str:
    point = outcome.point
    if point.alpha is None:
        return f"threshold {point.threshold:g}"
    return f"alpha {point.alpha:.3g}, beta {point.beta:.3g}"


def _found(outcome: Outcome) -> str:
    found = f"{len(outcome.lesions)} lesions, {outcome.lesions.figures.volume_ml:.2f} ml"
    if outcome.probability_map.withheld:
        return found
    expected = outcome.expected()
    return f"{found}, expected precision {_number(expected['precision'], 2)}, recall {_number(expected['recall'], 2)}"


def _picture(png: bytes, words: str) -> str:
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def _digits(name: str) -> int:
    return 3 if name == "volume_ml" else 1 if name.endswith("_mm") else 2


def _number(value: float | int | None, digits: int) -> str:
    if value is None:
        return "&ndash;"
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _plain(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, list):
        texts = (f"({_plain(inner)})" if isinstance(inner, list) else _plain(inner) for inner in value)
        return ", ".join(texts) or "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
