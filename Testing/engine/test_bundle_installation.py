"""Models from a file: whole and verified, or refused with the reason and nothing left behind."""

import shutil
import stat
import zipfile

import pytest

from bright_model import write_bright_model
from LesionSegmentationLib.engine import bundle_installation
from LesionSegmentationLib.engine.bundle import find_bundle, list_bundles, model_folders, user_model_folder
from LesionSegmentationLib.engine.bundle_installation import install_bundle, remove_bundle
from LesionSegmentationLib.engine.errors import InputError


@pytest.fixture(autouse=True)
def user_models(tmp_path, monkeypatch):
    folder = tmp_path / "user models"
    monkeypatch.setenv("LESION_SEGMENTATION_USER_MODELS", str(folder))
    monkeypatch.delenv("LESION_SEGMENTATION_MODELS", raising=False)
    return folder


@pytest.fixture
def bundle(tmp_path):
    return write_bright_model(tmp_path / "source" / "bright").folder


def zipped(bundle, archive, inside="bright/"):
    with zipfile.ZipFile(archive, "w") as opened:
        for path in bundle.iterdir():
            opened.write(path, inside + path.name)
    return archive


def left_in(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("inside", ["bright/", "", "download/models/other name/"])
def test_an_archive_of_a_folder_or_of_its_files(bundle, user_models, tmp_path, inside):
    found = install_bundle(zipped(bundle, tmp_path / "bright.zip", inside))
    assert found.folder == user_models / "bright"
    assert find_bundle("bright").sha256 == found.sha256
    assert left_in(user_models) == ["bright"]
    assert left_in(found.folder) == left_in(bundle)


def test_a_folder_is_copied(bundle, user_models):
    assert install_bundle(bundle).folder == user_models / "bright"
    assert bundle.is_dir()


def test_the_users_folder_is_searched_between_the_sites_and_the_shipped_one(user_models, tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(tmp_path / "site"))
    assert model_folders()[:2] == [tmp_path / "site", user_models]
    assert model_folders()[2].name == "Models"


@pytest.mark.parametrize(
    ("platform", "variable"), [("linux", "XDG_DATA_HOME"), ("win32", "LOCALAPPDATA"), ("darwin", None)]
)
def test_without_a_name_it_is_the_systems_own_place(tmp_path, monkeypatch, platform, variable):
    monkeypatch.delenv("LESION_SEGMENTATION_USER_MODELS")
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "data"))
    folder = user_model_folder()
    assert folder.parts[-2:] == ("LesionSegmentation", "Models")
    assert tmp_path in folder.parents


def test_nothing_is_overwritten(bundle, user_models, tmp_path):
    archive = zipped(bundle, tmp_path / "bright.zip")
    install_bundle(archive)
    before = (user_models / "bright" / "bundle.json").stat().st_mtime_ns
    with pytest.raises(InputError, match="'bright' is installed already; remove it first"):
        install_bundle(archive)
    assert (user_models / "bright" / "bundle.json").stat().st_mtime_ns == before
    assert left_in(user_models) == ["bright"]


def test_a_shipped_name_is_taken(user_models, tmp_path):
    other = write_bright_model(tmp_path / "source" / "ms-flair").folder
    with pytest.raises(InputError, match="'ms-flair' is installed already"):
        install_bundle(other)
    assert left_in(user_models) == []


def damaged(bundle):
    weights = bundle / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def renamed(name):
    def change(bundle):
        text = (bundle / "bundle.json").read_text().replace('"name": "bright"', f'"name": "{name}"')
        (bundle / "bundle.json").write_text(text)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (damaged, "do not have the checksum"),
        (lambda b: (b / "weights.safetensors").unlink(), "has no weights.safetensors"),
        (lambda b: (b / "bundle.json").write_text("{"), "cannot be read"),
        (lambda b: (b / "bundle.json").write_text("{}"), "has no 'schema'"),
        (lambda b: (b / "bundle.json").unlink(), "holds no bundle.json"),
        (renamed("../bright"), "no name for a folder"),
        (renamed("a:b"), "no name for a folder"),
        (renamed(".hidden"), "no name for a folder"),
        (renamed(""), "no name for a folder"),
    ],
)
def test_unsound_bundles_are_refused(bundle, user_models, tmp_path, change, says):
    change(bundle)
    with pytest.raises(InputError, match=says) as caught:
        install_bundle(zipped(bundle, tmp_path / "copy.zip"))
    assert "copy.zip" in str(caught.value) or "not" in str(caught.value)
    assert left_in(user_models) == []


def test_archives_that_are_none(user_models, tmp_path, bundle):
    (tmp_path / "text.zip").write_text("hello")
    cut = zipped(bundle, tmp_path / "cut.zip")
    cut.write_bytes(cut.read_bytes()[:-100])
    for name, says in (("text.zip", "no readable zip"), ("cut.zip", "no readable zip"), ("none.zip", "was not found")):
        with pytest.raises(InputError, match=says):
            install_bundle(tmp_path / name)
    assert left_in(user_models) == []


def test_two_bundles_in_one_archive_are_refused(bundle, tmp_path):
    archive = zipped(bundle, tmp_path / "two.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.write(bundle / "bundle.json", "other/bundle.json")
    with pytest.raises(InputError, match="holds 2 bundles"):
        install_bundle(archive)


def test_nothing_of_an_archive_lands_outside(bundle, user_models, tmp_path):
    archive = zipped(bundle, tmp_path / "evil.zip", "../../evil/")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("../../outside.txt", "x")
        opened.writestr("../../evil/deeper/inside.txt", "x")
    install_bundle(archive)
    assert left_in(user_models) == ["bright"]
    assert not [path for path in tmp_path.rglob("*") if path.name in ("evil", "outside.txt", "inside.txt")]


def test_links_are_refused(bundle, tmp_path):
    archive = zipped(bundle, tmp_path / "link.zip")
    link = zipfile.ZipInfo("bright/CARD2.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="links instead of files"):
        install_bundle(archive)


def test_too_large_is_refused_before_it_is_unpacked(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_installation, "_LARGEST_BYTES", 100)
    with pytest.raises(InputError, match="it is no bundle"):
        install_bundle(zipped(bundle, tmp_path / "large.zip"))


def test_a_folder_that_cannot_be_written_is_said(bundle, user_models):
    user_models.write_text("a file is in the way")
    with pytest.raises(InputError, match="cannot be installed into the model folder"):
        install_bundle(bundle)


def test_removing_takes_all_of_it(bundle, user_models):
    install_bundle(bundle)
    remove_bundle("bright")
    assert left_in(user_models) == []
    assert "bright" not in [found.name for found in list_bundles()]


@pytest.mark.parametrize("name", ["ms-flair", "site-model", "nothing", "../site/site-model", ""])
def test_only_the_users_own_are_removed(user_models, tmp_path, monkeypatch, name):
    user_models.mkdir()
    write_bright_model(tmp_path / "site" / "site-model")
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(tmp_path / "site"))
    with pytest.raises(InputError, match="was not installed by this user"):
        remove_bundle(name)
    assert (tmp_path / "site" / "site-model" / "bundle.json").is_file()


def test_what_is_half_removed_is_not_listed(bundle, user_models, monkeypatch):
    install_bundle(bundle)
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **options: None)
    remove_bundle("bright")
    assert [path.name[:9] for path in user_models.iterdir()] == [".removed-"]
    assert "bright" not in [found.name for found in list_bundles()]
