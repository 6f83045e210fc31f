"""The README answers, in this order, what the reviewers of the Extensions Index ask."""

import re

import pytest
from extension_files import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

HEADINGS = [
    "Install in 3D Slicer",
    "Two commands",
    "Modules",
    "Tutorial",
    "Command line",
    "Data and privacy",
    "Remove it",
    "Licence",
    "Citation",
]


def test_headings_are_there_in_order():
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    positions = [headings.index(heading) for heading in HEADINGS]
    assert positions == sorted(positions)


def test_summary_of_two_sentences_and_a_picture_come_first():
    opening = README.split("\n## ")[0]
    summary = opening.split("\n\n")[1]
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", summary)) <= 3
    assert re.search(r"!\[[^\]]+\]\([^)]+\.png\)", opening)


def test_pictures_and_links_inside_the_repository_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / target).exists(), f"README links to {target}, which does not exist"


GUIDES = sorted((REPOSITORY / "docs").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_pictures_and_links_of_the_guides_exist(guide):
    text = guide.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (guide.parent / target).exists(), f"{guide.name} links to {target}, which does not exist"
    headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"^#+ (.+)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_every_picture_of_the_guides_is_shown():
    shown = {
        name for guide in GUIDES for name in re.findall(r"\(pictures/([^)]+)\)", guide.read_text(encoding="utf-8"))
    }
    assert shown == {path.name for path in (REPOSITORY / "docs" / "pictures").iterdir()}


def test_the_guides_say_what_this_is_for():
    for name in ("user-guide.md", "what-the-slider-means.md"):
        text = (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
        assert "not a medical device" in text and "research use" in text.lower()
        assert f"docs/{name}" in README


@pytest.mark.parametrize(
    "said",
    [
        "Nothing leaves the computer",
        "not a medical device",
        "research use",
        "make demo",
        "make test",
        "1706.05721",
        "10.1109/ACCESS.2018.2886371",
        "2007.10033",
        "2010.13499",
        "CC BY",
        "MS-MIST",
        "SynthSeg",
        "Lesjak",
        "Guarnera",
    ],
)
def test_said(said):
    assert said.lower() in " ".join(README.split()).lower()
