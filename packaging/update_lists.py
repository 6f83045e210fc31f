"""Rewrites the file lists of the CMake files from the source tree: `make lists`.

Only the bodies of MODULE_PYTHON_SCRIPTS and MODULE_PYTHON_RESOURCES change. Look at the difference before committing
it: a file that should not be in the package should not be in the source folders either.
"""

import argparse
import re

from extension_files import REPOSITORY
from source_files import PACKAGED_FOLDERS, files_to_package


def rewritten(text: str, scripts: list[str], resources: list[str]) -> str:
    """The CMake text with both lists replaced."""
    for variable, files in (("MODULE_PYTHON_SCRIPTS", scripts), ("MODULE_PYTHON_RESOURCES", resources)):
        block = "".join(f"  {name}\n" for name in files)
        text, count = re.subn(rf"set\({variable}\n[^)]*\)", lambda _, v=variable, b=block: f"set({v}\n{b}  )", text)
        if count != 1:
            raise ValueError(f"set({variable} ...) was found {count} times instead of once.")
    return text


def main() -> None:
    """Rewrites the lists of every packaged folder and says which changed."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for folder in PACKAGED_FOLDERS:
        path = REPOSITORY / folder / "CMakeLists.txt"
        files = files_to_package(folder)
        scripts = [name for name in files if name.endswith(".py")]
        resources = [name for name in files if not name.endswith(".py")]
        old = path.read_text(encoding="utf-8")
        new = rewritten(old, scripts, resources)
        path.write_text(new, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(REPOSITORY)}: {'rewritten' if new != old else 'unchanged'}, {len(files)} files")


if __name__ == "__main__":
    main()
