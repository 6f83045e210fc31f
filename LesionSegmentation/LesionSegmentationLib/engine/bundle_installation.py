"""Putting bundles into the user's model folder and taking them out again, without a network: files from anywhere."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import uuid
import zipfile
from pathlib import Path, PurePosixPath

from .bundle import Bundle, load_bundle, model_folders, user_model_folder
from .errors import InputError

__all__ = ["install_bundle", "remove_bundle"]

_DESCRIPTION = "bundle.json"
_LARGEST_BYTES = 8 * 2**30


def install_bundle(source: str | Path) -> Bundle:
    """Install the bundle in ``source``, a zip archive of a bundle's folder or the folder itself; returns it.

    It is verified beside its place (description, checksum) and renamed into it when it is whole. Nothing is ever
    overwritten. Raises InputError, one sentence, for what is no sound bundle or has the name of an installed one; the
    model folder is then as it was.
    """
    source, models = Path(source), user_model_folder()
    try:
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=models) as folder:
            fresh = Path(folder) / "bundle"
            if source.is_dir():
                _copy_folder(source, fresh)
            else:
                _unpack(source, fresh)
            name = _checked_name(fresh, source)
            os.replace(fresh, models / name)
    except OSError as error:
        raise InputError(
            f"{source.name} cannot be installed into the model folder {models} ({error.strerror or error})."
        ) from error
    return load_bundle(models / name)


def remove_bundle(name: str) -> None:
    """Remove the bundle called ``name`` from the user's model folder.

    Raises InputError for one that lies elsewhere: those shipped with the extension or kept in a folder of the site
    are never touched.
    """
    folder = user_model_folder() / name
    if Path(name).name != name or not (folder / _DESCRIPTION).is_file():
        raise InputError(f"The model '{name}' was not installed by this user, so it is not removed.")
    doomed = folder.with_name(f".removed-{uuid.uuid4().hex}")
    try:
        os.replace(folder, doomed)  # all of it or nothing, whatever happens to the deletion
    except OSError as error:
        raise InputError(
            f"The model '{name}' cannot be removed ({error.strerror or error}); is a run using it?"
        ) from error
    shutil.rmtree(doomed, ignore_errors=True)


def _checked_name(fresh: Path, source: Path) -> str:
    """The name of the verified bundle in ``fresh``; raises InputError when it is unsound or taken."""
    try:
        bundle = load_bundle(fresh)
    except InputError as error:
        raise InputError(str(error).replace(f"'{fresh.name}'", f"'{source.name}'")) from error
    name = bundle.name
    if not name or name.startswith(".") or Path(name).name != name or set(name) & set('\\/:*?"<>|'):
        raise InputError(f"The bundle in {source.name} is called '{name}', which is no name for a folder.")
    for folder in model_folders():
        if (folder / name).exists():
            raise InputError(
                f"A model called '{name}' is installed already; remove it first, or give the new one another name."
            )
    return name


def _copy_folder(source: Path, fresh: Path) -> None:
    fresh.mkdir()
    for path in source.iterdir():
        if path.is_file():
            shutil.copyfile(path, fresh / path.name)


def _unpack(archive: Path, fresh: Path) -> None:
    """Write the files of the one bundle in ``archive``; no path of the archive reaches outside ``fresh``."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _bundle_members(opened, archive.name)
            fresh.mkdir()
            for member in members:
                with opened.open(member) as stream, (fresh / PurePosixPath(member.filename).name).open("wb") as file:
                    shutil.copyfileobj(stream, file, 2**20)
    except FileNotFoundError as error:
        raise InputError(f"{archive.name} was not found in the folder '{archive.parent}'; check the path.") from error
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"{archive.name} is no readable zip archive of a bundle ({error}); copy it again.") from error


def _bundle_members(opened: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The files of the bundle's folder: the one folder that holds a bundle.json."""
    files = [member for member in opened.infolist() if not member.is_dir()]
    found = [PurePosixPath(m.filename).parent for m in files if PurePosixPath(m.filename).name == _DESCRIPTION]
    if len(found) != 1:
        held = "no bundle.json" if not found else f"{len(found)} bundles"
        raise InputError(f"{name} holds {held}; give the zip archive of one bundle's folder.")
    members = [member for member in files if PurePosixPath(member.filename).parent == found[0]]
    if any(stat.S_ISLNK(member.external_attr >> 16) for member in members):
        raise InputError(f"{name} holds links instead of files; make the archive again from the bundle's folder.")
    if sum(member.file_size for member in members) > _LARGEST_BYTES:
        raise InputError(f"{name} would take more than {_LARGEST_BYTES / 2**30:.0f} GB unpacked; it is no bundle.")
    return members
