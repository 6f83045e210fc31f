"""Builds the archive for the Extensions Manager's "Install from file": `make package`.

The layout is that of a package of Slicer's own build: everything below one folder named after the archive, the files
that CMake lists (see extension_files.py) below lib/ and share/, and the description share/Slicer-5.12/NAME.s4ext, by
which the Extensions Manager knows the extension's name. See docs/decisions/0002-package-without-a-slicer-build.md.
"""

import argparse
import gzip
import io
import subprocess
import tarfile
from pathlib import Path

from extension_files import REPOSITORY, SLICER_VERSION, Extension, read_extension

# Keys of the description file in Slicer's order, and the CMake variable each comes from.
DESCRIPTION_KEYS = {
    "depends": "EXTENSION_DEPENDS",
    "build_subdirectory": "EXTENSION_BUILD_SUBDIRECTORY",
    "homepage": "EXTENSION_HOMEPAGE",
    "contributors": "EXTENSION_CONTRIBUTORS",
    "category": "EXTENSION_CATEGORY",
    "iconurl": "EXTENSION_ICONURL",
    "status": "EXTENSION_STATUS",
    "description": "EXTENSION_DESCRIPTION",
    "screenshoturls": "EXTENSION_SCREENSHOTURLS",
    "enabled": "EXTENSION_ENABLED",
}
DESCRIPTION_DEFAULTS = {"EXTENSION_BUILD_SUBDIRECTORY": ".", "EXTENSION_ENABLED": "1", "EXTENSION_DEPENDS": "NA"}


def description_text(extension: Extension, revision: str) -> str:
    """The .s4ext description: one keyword and its value a line."""
    lines = ["scm git", f"scmurl {extension.metadata['EXTENSION_HOMEPAGE']}.git", f"scmrevision {revision}"]
    for key, variable in DESCRIPTION_KEYS.items():
        value = extension.metadata.get(variable) or DESCRIPTION_DEFAULTS.get(variable, "")
        lines.append(f"{key} {value}")
    return "\n".join(lines) + "\n"


def build_package(
    folder: Path, output: Path, slicer_revision: str = SLICER_VERSION, system: str = "linux-amd64"
) -> Path:
    """Writes the package of the source tree `folder` into `output` and returns the archive's path.

    slicer_revision: first part of the archive's name, the revision number of the Slicer it is meant for ("34045"); the
    Extensions Manager does not compare it when a file is installed, so the version does as well.
    system: second part of the name, "linux-amd64" or "win-amd64"; the content is the same. (A macOS package lies in
    the application bundle and has another layout: it must be built with Slicer's own build.)
    The same commit gives the same bytes; uncommitted changes are said in the name ("-changed").
    """
    extension = read_extension(folder)
    revision, date, seconds = _last_commit(folder)
    name = f"{slicer_revision}-{system}-{extension.name}-git{revision[:7]}{_changed(folder)}-{date}"
    contents = {file.destination: file.source.read_bytes() for file in extension.files}
    description = description_text(extension, revision)
    contents[f"share/Slicer-{SLICER_VERSION}/{extension.name}.s4ext"] = description.encode()

    output.mkdir(parents=True, exist_ok=True)
    archive = output / f"{name}.tar.gz"
    unfinished = archive.with_name(archive.name + ".part")
    with (
        unfinished.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(contents):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mtime, entry.mode = len(contents[path]), seconds, 0o644
            tar.addfile(entry, io.BytesIO(contents[path]))
    return unfinished.replace(archive)


def _last_commit(folder: Path) -> tuple[str, str, int]:
    """Hash, date (YYYY-MM-DD) and time (seconds) of the last commit; a placeholder where there is no git."""
    command = ["git", "log", "-1", "--format=%H %cs %ct"]
    try:
        answer = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()
        return answer[0], answer[1], int(answer[2])
    except (OSError, subprocess.CalledProcessError):
        return "0000000", "1980-01-01", 315532800


def _changed(folder: Path) -> str:
    """Say that the tree is not what was committed."""
    command = ["git", "status", "--porcelain"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "-changed" if answer.returncode == 0 and answer.stdout.strip() else ""


def main() -> None:
    """The command line of `make package`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "build", help="folder for the archive")
    parser.add_argument("--slicer-revision", default=SLICER_VERSION, help="revision of Slicer, for the archive's name")
    parser.add_argument("--system", default="linux-amd64", choices=["linux-amd64", "win-amd64"])
    options = parser.parse_args()
    print(build_package(REPOSITORY, options.output, options.slicer_revision, options.system))


if __name__ == "__main__":
    main()
