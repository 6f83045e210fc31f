"""The rules of Slicer's Extensions Index that can be checked without the network."""

import json
import re
import subprocess

import pytest
from extension_files import REPOSITORY, read_extension
from source_files import repository_files

ENTRY = REPOSITORY / "LesionSegmentation.json"
ALLOWED_FIELDS = {
    "$schema",
    "build_dependencies",
    "build_subdirectory",
    "category",
    "dicom_support_rule",
    "enabled",
    "scm_revision",
    "scm_type",
    "scm_url",
    "tier",
}
REPOSITORY_URL = "https://github.com/REPOSITORY-OWNER/SlicerLesionSegmentation"
RAW_URL = "https://raw.githubusercontent.com/REPOSITORY-OWNER/SlicerLesionSegmentation/main/"
LIMIT_OF_TRACKED_FILES = 60e6  # bytes; the index allows 100 MB for the clone with its history
CMAKE = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def entry():
    return json.loads(ENTRY.read_text(encoding="utf-8"))


def test_entry_has_allowed_fields_only(entry):
    assert set(entry) <= ALLOWED_FIELDS
    assert entry["$schema"].endswith("/slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert entry["tier"] in range(1, 6)
    assert entry["build_dependencies"] == ["PyTorch"]


def test_entry_has_unix_line_ends_and_no_byte_order_mark():
    content = ENTRY.read_bytes()
    assert b"\r" not in content
    assert content.startswith(b"{")
    assert content.endswith(b"}\n")


def test_category_is_that_of_the_module_and_cmake(entry):
    assert entry["category"] == "Segmentation"
    assert read_extension().metadata["EXTENSION_CATEGORY"] == entry["category"]


def test_names_agree():
    project = re.search(r"^project\((\w+)\)", CMAKE, re.MULTILINE)
    assert project and project[1] == ENTRY.stem
    assert not ENTRY.stem.startswith("Slicer")


def test_repository_name_begins_with_slicer(entry):
    name = entry["scm_url"].removesuffix(".git").rsplit("/", 1)[1]
    assert re.match(r"(Slicer|Slicer-|Slicer_|SlicerExtension-)\w", name)
    assert entry["scm_url"] == REPOSITORY_URL + ".git"


def test_placeholder_of_the_repository_is_the_only_one():
    """Whoever publishes the repository replaces one word."""
    own = ("github.com/", "githubusercontent.com/")
    for path in ("CMakeLists.txt", "README.md", "LesionSegmentation.json", "pyproject.toml"):
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        for found in re.findall(r"[\w.:/-]*SlicerLesionSegmentation", text):
            if any(host in found for host in own):
                assert found.endswith("REPOSITORY-OWNER/SlicerLesionSegmentation"), f"{path}: {found}"


@pytest.mark.parametrize("variable", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
def test_pictures_are_found_by_regular_expression(variable):
    found = re.findall(rf'set\({variable} "([^"]+)"\)', CMAKE)
    assert len(found) == 1
    for url in found[0].split(" "):
        assert url.startswith(RAW_URL)
        assert url.endswith((".png", ".jpg", ".gif"))


@pytest.mark.parametrize("variable", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
def test_pictures_are_in_the_repository(variable):
    for url in read_extension().metadata[variable].split(" "):
        picture = REPOSITORY / url.removeprefix(RAW_URL)
        assert picture.is_file(), f"{picture} does not exist"
        assert picture.read_bytes()[:4] == b"\x89PNG"


def test_icon_is_128_pixels():
    picture = REPOSITORY / read_extension().metadata["EXTENSION_ICONURL"].removeprefix(RAW_URL)
    assert picture.is_file(), f"{picture} does not exist"
    header = picture.read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (128, 128)


def test_description_and_contributors_are_given():
    metadata = read_extension().metadata
    assert len(metadata["EXTENSION_DESCRIPTION"]) > 50
    assert metadata["EXTENSION_CONTRIBUTORS"]
    assert metadata["EXTENSION_HOMEPAGE"] == REPOSITORY_URL
    assert metadata["EXTENSION_DEPENDS"] == "PyTorch"


def test_licence_is_apache_2():
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_tracked_files_are_small_enough():
    sizes = {path: (REPOSITORY / path).stat().st_size for path in repository_files()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert sum(sizes.values()) < LIMIT_OF_TRACKED_FILES, f"largest: {largest}"


def test_history_is_small_enough():
    counted = subprocess.run(["git", "count-objects", "-v"], cwd=REPOSITORY, capture_output=True, text=True)
    if counted.returncode:
        pytest.skip("not a git checkout")
    kibibytes = dict(line.split(": ") for line in counted.stdout.splitlines())
    assert (int(kibibytes["size"]) + int(kibibytes["size-pack"])) * 1024 < 100e6
