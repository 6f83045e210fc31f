"""The files of the source tree that belong in the package; CMake's lists must name each of them."""

import subprocess
from pathlib import Path

from extension_files import REPOSITORY

# Folder of the CMakeLists.txt, then the folders and files below it that are packaged whole.
PACKAGED_FOLDERS = {
    "LesionSegmentation": ["LesionSegmentation.py", "LesionSegmentationLib", "Resources", "SubjectHierarchyPlugins"],
    "training": ["LesionSegmentationTraining", "configs"],
}


def repository_files(folder: Path = REPOSITORY) -> list[str]:
    """Paths, relative to `folder`, of all files that git tracks or would add; those deleted on the disk are left out.

    Where there is no git (an unpacked source archive), all files but caches, hidden ones and builds.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not _ignored(path, folder)]
    return sorted({path for path in listed if path and (folder / path).is_file()})


def files_to_package(cmake_folder: str, folder: Path = REPOSITORY) -> list[str]:
    """Paths, relative to `cmake_folder`, of the files that its CMakeLists.txt has to list, in a fixed order."""
    found = []
    for path in repository_files(folder):
        top, _, rest = path.partition("/")
        if top == cmake_folder and rest.split("/")[0] in PACKAGED_FOLDERS[cmake_folder]:
            found.append(rest)
    return found


def _ignored(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in parts)
    return hidden or parts[0] in ("build", "demo-output") or "__pycache__" in parts or path.suffix == ".pyc"
