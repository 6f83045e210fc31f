"""What the CMake files say the extension package holds.

The CMake lists are the only record of what is packaged: Slicer's build leaves out, without a word, a file that is not
listed. This module reads them as Slicer's build would, so that the archive of `make package` lacks what CMake lacks.
It understands the few commands this project's CMake files use and refuses any other.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

# What Slicer's own configuration would define. The install folders are those of a Linux or Windows package.
SLICER_VERSION = "5.12"
SLICER_VARIABLES = {
    "Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR": f"lib/Slicer-{SLICER_VERSION}/qt-scripted-modules",
    "Slicer_INSTALL_QTSCRIPTEDMODULES_SHARE_DIR": f"share/Slicer-{SLICER_VERSION}/qt-scripted-modules",
    "Slicer_USE_FILE": "UseSlicer",
    "Slicer_EXTENSION_GENERATE_CONFIG": "SlicerExtensionGenerateConfig",
    "Slicer_EXTENSION_CPACK": "SlicerExtensionCPack",
}

MODULE_KEYWORDS = {"NAME", "SCRIPTS", "RESOURCES", "WITH_GENERIC_TESTS", "WITH_SUBDIR", "VERBOSE"}

_TOKEN = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<open>\() | (?P<close>\))
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | (?P<bare>[^\s()#"]+)
    """,
    re.VERBOSE,
)


class CMakeListsError(ValueError):
    """The CMake files say something this reader does not understand, or name a file that is not there."""


@dataclass(frozen=True)
class PackagedFile:
    """One file of the package: where it lies in the repository, and its path in the package (forward slashes)."""

    source: Path
    destination: str


@dataclass
class Extension:
    """The project's name, its EXTENSION_* variables, and its files in the order in which CMake lists them."""

    name: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    files: list[PackagedFile] = field(default_factory=list)


def read_extension(folder: Path = REPOSITORY) -> Extension:
    """Reads CMakeLists.txt of `folder` and of its subdirectories.

    Raises CMakeListsError for a command that is not understood and for a listed file that does not exist.
    """
    extension = Extension()
    _read_folder(Path(folder), dict(SLICER_VARIABLES), extension)
    return extension


def read_commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a CMake file as (name in lower case, arguments); comments are dropped, variables are kept."""
    commands: list[tuple[str, list[str]]] = []
    name, arguments, depth = "", [], 0
    for token in _TOKEN.finditer(text):
        if token["comment"] is not None:
            continue
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
            if depth == 0:
                commands.append((name.lower(), arguments))
                name, arguments = "", []
        elif depth == 0:
            name = token["bare"] or ""
        else:
            arguments.append(token["quoted"] if token["quoted"] is not None else token["bare"])
    if depth or name:
        raise CMakeListsError(f"A bracket is not closed after the command '{name}'.")
    return commands


def _read_folder(folder: Path, variables: dict[str, str], extension: Extension) -> None:
    variables = {**variables, "CMAKE_CURRENT_SOURCE_DIR": str(folder)}
    path = folder / "CMakeLists.txt"
    skipped = False  # what stands between if(BUILD_TESTING) and endif() is never packaged
    for name, raw in read_commands(path.read_text(encoding="utf-8")):
        if name == "if" and raw == ["BUILD_TESTING"]:
            skipped = True
        elif name == "endif":
            skipped = False
        elif not skipped:
            _run(name, _expand(raw, variables), folder, variables, extension)


def _expand(arguments: list[str], variables: dict[str, str]) -> list[str]:
    """Arguments with ${NAME} replaced; a lone ${LIST} becomes the elements of the list, as in CMake."""
    expanded: list[str] = []
    for argument in arguments:
        value = re.sub(r"\$\{(\w+)\}", lambda match: variables.get(match[1], ""), argument)
        expanded += value.split(";") if re.fullmatch(r"\$\{\w+\}", argument) else [value]
    return [value for value in expanded if value]


def _run(name: str, arguments: list[str], folder: Path, variables: dict[str, str], extension: Extension) -> None:
    if name in ("cmake_minimum_required", "find_package", "include"):
        return
    if name == "project":
        extension.name = arguments[0]
        variables["PROJECT_NAME"] = arguments[0]
    elif name == "set":
        variables[arguments[0]] = ";".join(arguments[1:])
        if arguments[0].startswith("EXTENSION_"):
            extension.metadata[arguments[0]] = " ".join(arguments[1:])
    elif name == "add_subdirectory":
        _read_folder(folder / arguments[0], variables, extension)
    elif name == "slicermacrobuildscriptedmodule":
        groups = _by_keyword(arguments, MODULE_KEYWORDS)
        for listed in groups.get("SCRIPTS", []) + groups.get("RESOURCES", []):
            _add(extension, folder, listed, f"{variables['Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR']}/{listed}")
    elif name == "install":
        groups = _by_keyword(arguments, {"FILES", "DESTINATION", "COMPONENT"})
        for listed in groups["FILES"]:
            _add(extension, folder, listed, f"{groups['DESTINATION'][0]}/{Path(listed).name}")
    else:
        raise CMakeListsError(
            f"{folder / 'CMakeLists.txt'} uses the command '{name}', which this reader does not know."
        )


def _by_keyword(arguments: list[str], keywords: set[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    current: list[str] = []
    for argument in arguments:
        if argument in keywords:
            current = groups.setdefault(argument, [])
        else:
            current.append(argument)
    return groups


def _add(extension: Extension, folder: Path, listed: str, destination: str) -> None:
    source = folder / listed
    if not source.is_file():
        raise CMakeListsError(f"{folder / 'CMakeLists.txt'} lists '{listed}', which does not exist: `make lists`.")
    if any(known.destination == destination for known in extension.files):
        raise CMakeListsError(f"{folder / 'CMakeLists.txt'} lists '{listed}' twice.")
    extension.files.append(PackagedFile(source, destination))
