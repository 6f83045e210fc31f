"""Every file of the extension is in the CMake lists, and the lists mean what we read in them."""

import shutil
import subprocess
import sys
from pathlib import Path

import extension_files
import pytest
from extension_files import REPOSITORY, CMakeListsError, read_commands, read_extension
from source_files import PACKAGED_FOLDERS, files_to_package, repository_files
from update_lists import rewritten

MODULES = "lib/Slicer-5.12/qt-scripted-modules/"
MOCK_SLICER = Path(__file__).parent / "mock_slicer"


@pytest.fixture(scope="module")
def extension():
    return read_extension()


@pytest.mark.parametrize("folder", PACKAGED_FOLDERS)
def test_every_file_is_listed_and_nothing_else(folder, extension):
    listed = [
        file.source.relative_to(REPOSITORY / folder).as_posix()
        for file in extension.files
        if file.destination.startswith(MODULES) and (REPOSITORY / folder) in file.source.parents
    ]
    there = files_to_package(folder)
    assert sorted(set(there) - set(listed)) == [], f"not in {folder}/CMakeLists.txt: run `make lists`"
    assert sorted(set(listed) - set(there)) == [], f"in {folder}/CMakeLists.txt, but ignored by git or out of place"


def test_listed_resources_have_a_suffix(extension):
    # Slicer's macro takes a name without a suffix for a script and appends .py to it.
    assert [
        file.destination for file in extension.files if "/Resources/" in file.destination and not file.source.suffix
    ] == []


def test_python_files_at_the_top_are_modules_only(extension):
    # Slicer takes every .py file at the top of the folder of scripted modules for a module and loads it.
    inside = [
        file.destination.removeprefix(MODULES) for file in extension.files if file.destination.startswith(MODULES)
    ]
    tops = {path for path in inside if path.endswith(".py") and "/" not in path}
    assert tops <= {"LesionSegmentation.py"}


def test_module_file_and_licence_are_packaged(extension):
    destinations = {file.destination for file in extension.files}
    assert MODULES + "LesionSegmentation.py" in destinations
    assert "share/Slicer-5.12/qt-scripted-modules/LesionSegmentation/LICENSE" in destinations


def test_training_has_no_python_files_outside_its_package():
    outside = [
        path
        for path in repository_files()
        if path.startswith("training/") and path.endswith(".py") and not path.startswith("training/LesionSegmentation")
    ]
    assert outside == []


def test_reader_understands_comments_quotes_lists_and_variables(tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "project(Toy) # a (comment)\n"
        'set(EXTENSION_DESCRIPTION "Two words (and a bracket)")\n'
        "set(FILES_OF_MODULE\n  ${PROJECT_NAME}.py\n  # not this one\n  ToyLib/a.py\n)\n"
        "slicerMacroBuildScriptedModule(NAME Toy SCRIPTS ${FILES_OF_MODULE} RESOURCES b.png WITH_GENERIC_TESTS)\n"
        "if(BUILD_TESTING)\n  add_subdirectory(nowhere)\nendif()\n"
    )
    (tmp_path / "ToyLib").mkdir()
    for name in ("Toy.py", "ToyLib/a.py", "b.png"):
        (tmp_path / name).touch()
    toy = read_extension(tmp_path)
    assert toy.name == "Toy"
    assert toy.metadata == {"EXTENSION_DESCRIPTION": "Two words (and a bracket)"}
    assert [file.destination for file in toy.files] == [MODULES + "Toy.py", MODULES + "ToyLib/a.py", MODULES + "b.png"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("slicerMacroBuildScriptedModule(NAME A SCRIPTS missing.py)", "does not exist"),
        ("install(FILES CMakeLists.txt CMakeLists.txt DESTINATION here)", "twice"),
        ("file(GLOB everything *)", "does not know"),
        ("set(a b", "not closed"),
    ],
)
def test_reader_refuses_what_would_not_build(tmp_path, text, complaint):
    (tmp_path / "CMakeLists.txt").write_text(text)
    with pytest.raises(CMakeListsError, match=complaint):
        read_extension(tmp_path)


def test_update_replaces_only_the_lists():
    text = "# keep\nset(MODULE_PYTHON_SCRIPTS\n  old.py\n  )\nset(MODULE_PYTHON_RESOURCES\n  )\n"
    expected = "# keep\nset(MODULE_PYTHON_SCRIPTS\n  a.py\n  b.py\n  )\nset(MODULE_PYTHON_RESOURCES\n  c.ui\n  )\n"
    assert rewritten(text, ["a.py", "b.py"], ["c.ui"]) == expected


def test_commands_of_the_project_are_read_in_order():
    names = [name for name, _ in read_commands((REPOSITORY / "CMakeLists.txt").read_text())]
    order = [names.index(name) for name in ("cmake_minimum_required", "project", "find_package", "add_subdirectory")]
    assert order == sorted(order)


cmake_needed = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("cc")), reason="cmake and a C compiler are not installed"
)


@cmake_needed
def test_cmake_configures_and_installs_what_we_read(tmp_path, extension):
    """CMake itself, with a stand-in for Slicer's macros, installs the files that our reader found."""
    build, prefix = tmp_path / "build", tmp_path / "installed"
    configure = [
        "cmake",
        "-S",
        REPOSITORY,
        "-B",
        build,
        f"-DSlicer_DIR={MOCK_SLICER}",
        f"-DCMAKE_INSTALL_PREFIX={prefix}",
    ]
    configured = subprocess.run(configure, capture_output=True, text=True)
    assert configured.returncode == 0, configured.stderr
    subprocess.run(["cmake", "--install", build], check=True, capture_output=True)
    installed = {path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if path.is_file()}
    assert installed == {file.destination for file in extension.files}
    tests = subprocess.run(["ctest", "-N"], cwd=build, check=True, capture_output=True, text=True).stdout
    assert "py_LesionSegmentation\n" in tests
    assert "py_LesionSegmentationInstalledTest\n" in tests


def test_reader_does_not_depend_on_the_working_directory(tmp_path):
    code = "import extension_files; print(len(extension_files.read_extension().files))"
    folder = str(Path(extension_files.__file__).parent)
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": folder},
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(answer.stdout) > 10
