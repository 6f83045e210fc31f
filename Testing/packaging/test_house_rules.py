"""The rules that keep the source tree a house: rings, sizes, names, imports, docstrings, style."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from extension_files import REPOSITORY
from source_files import repository_files

LIBRARY = "LesionSegmentation/LesionSegmentationLib/"
ENGINE = LIBRARY + "engine/"
TRAINING = "training/LesionSegmentationTraining/"
MODULE_FILE = "LesionSegmentation/LesionSegmentation.py"
BRIDGE = ENGINE + "bridge.py"

LONGEST_FILE = 400  # lines
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "managers"}
# Slow to import, or not in every Slicer: never at file scope of what Slicer reads at its start.
HEAVY = {"torch", "numpy", "scipy", "SimpleITK", "safetensors", "matplotlib", "pandas", "nibabel", "monai", "pydicom"}

PYTHON_FILES = [path for path in repository_files() if path.endswith(".py")]
LIBRARY_FILES = [path for path in PYTHON_FILES if path.startswith((ENGINE, TRAINING))]
SLICER_FILES = [path for path in PYTHON_FILES if path.startswith((LIBRARY + "scene/", LIBRARY + "gui/", MODULE_FILE))]


def parsed(path):
    return ast.parse((REPOSITORY / path).read_text(encoding="utf-8"), filename=path)


def test_no_file_is_too_long():
    lengths = {path: len((REPOSITORY / path).read_text(encoding="utf-8").splitlines()) for path in PYTHON_FILES}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_files_are_named_after_what_is_in_them():
    vague = [
        path for path in repository_files() if {Path(part).stem.lower() for part in Path(path).parts} & VAGUE_NAMES
    ]
    assert vague == []


def test_python_finds_the_real_packaging_package():
    # Testing and packaging are on the path of the tests, and the library of that name must not be hidden by them.
    for folder in (REPOSITORY, REPOSITORY / "Testing"):
        assert not (folder / "packaging" / "__init__.py").exists()


@pytest.mark.parametrize("path", [path for path in LIBRARY_FILES if path != BRIDGE])
def test_numpy_and_torch_meet_in_the_bridge_only(path):
    """Macs run torch 2.2 beside NumPy 2, where these calls fail."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and node.attr in ("from_numpy", "as_tensor", "from_dlpack"):
            pytest.fail(f"{path}:{node.lineno} uses {node.attr}: convert in engine/bridge.py")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "numpy":
            pytest.fail(f"{path}:{node.lineno} uses .numpy(): convert in engine/bridge.py")


def file_scope_imports(path):
    """Modules imported when the file is read: not those inside functions or under `if TYPE_CHECKING`."""
    found = set()
    statements = list(parsed(path).body)
    while statements:
        statement = statements.pop()
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            found |= imported_from(path, statement)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" not in ast.dump(statement.test):
            statements += statement.body + statement.orelse
        elif isinstance(statement, ast.Try):
            statements += statement.body + statement.orelse + statement.finalbody
            statements += [inner for handler in statement.handlers for inner in handler.body]
        elif isinstance(statement, ast.With):
            statements += statement.body
    return found


def imported_from(path, statement):
    package = statement.module or ""
    if statement.level:
        parts = list(Path(path).parent.relative_to("LesionSegmentation").parts)
        parts = parts[: len(parts) - statement.level + 1]
        package = ".".join(parts + ([statement.module] if statement.module else []))
    return {package} | {f"{package}.{alias.name}" for alias in statement.names}


def file_of(module):
    """The library's file for a dotted name, or None where the name is not a module of it."""
    base = Path("LesionSegmentation", *module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path.as_posix() for path in candidates if (REPOSITORY / path).is_file()), None)


def test_what_slicer_reads_at_its_start_is_light():
    """The module file, and whatever it imports at file scope, pulls in nothing heavy."""
    waiting, read, heavy = [MODULE_FILE], set(), []
    while waiting:
        path = waiting.pop()
        read.add(path)
        for module in file_scope_imports(path):
            if module.split(".")[0] in HEAVY:
                heavy.append(f"{path} imports {module}")
            known = file_of(module) if module.startswith("LesionSegmentationLib") else None
            if known and known not in read:
                waiting.append(known)
    assert heavy == []


def test_module_file_holds_the_four_classes():
    names = {node.name for node in parsed(MODULE_FILE).body if isinstance(node, ast.ClassDef)}
    module = "LesionSegmentation"
    assert {module, module + "Widget", module + "Logic", module + "Test"} <= names


@pytest.mark.parametrize("path", LIBRARY_FILES)
def test_public_things_have_docstrings(path):
    """Modules, public functions and classes, and the public methods of those classes."""
    tree = parsed(path)
    missing = [] if ast.get_docstring(tree) else ["the module"]
    for node in tree.body:
        if is_public(node) and not ast.get_docstring(node):
            missing.append(node.name)
        if isinstance(node, ast.ClassDef) and is_public(node):
            methods = [method for method in node.body if is_public(method) and not is_property(method)]
            missing += [f"{node.name}.{method.name}" for method in methods if not ast.get_docstring(method)]
    # What torch calls by its own name is described by its class.
    assert [name for name in missing if not name.endswith(".forward")] == []


def is_public(node):
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")


def is_property(node):
    """A property may be described, like the other attributes, by its class."""
    return any(isinstance(decorator, ast.Name) and "property" in decorator.id for decorator in node.decorator_list)


@pytest.mark.parametrize("path", SLICER_FILES)
def test_translated_strings_are_constant(path):
    """Slicer collects the strings by reading the source: an f-string or a sum cannot be translated."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            text = node.args[0]
            assert isinstance(text, ast.Constant) and isinstance(text.value, str), f"{path}:{node.lineno}"


def test_nothing_names_a_path_of_this_machine():
    places = ("/" + "work/", "/" + "home/", "/" + "root/", "/Users" + "/")
    named = []
    for path in repository_files():
        content = (REPOSITORY / path).read_bytes()
        if b"\0" not in content[:4096]:
            named += [f"{path}: {place}" for place in places if place.encode() in content]
    assert named == []


@pytest.mark.parametrize("path", [".ci/run", "Testing/install-system-packages.sh"])
def test_shell_scripts_are_sound(path):
    script = REPOSITORY / path
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", script], check=True)


def test_commands_the_texts_name_exist():
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in ("README.md", "docs/developer-guide.md", ".ci/run"):
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^)make (?:[A-Z_]+=\S+ )*([a-z-]+)", text, re.MULTILINE))
        assert named <= targets, f"{path} names {named - targets}"


def run_tool(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
    )


def test_import_contracts_are_kept():
    checked = run_tool("-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_ruff_finds_nothing():
    checked = run_tool("-m", "ruff", "check", "--no-cache", ".")
    assert checked.returncode == 0, checked.stdout
