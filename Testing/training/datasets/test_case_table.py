"""Case tables: what is written comes back, and each mistake has its sentence."""

import json
from pathlib import Path

import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.datasets import CaseFiles, cases_from_rows, read_case_table, write_case_table


@pytest.fixture
def files(tmp_path):
    """Empty files with the names the tables here use: a table does not look into them."""
    for name in ("a_flair", "a_t1", "b_flair", "b_t1", "a_mask", "b_mask", "a_second"):
        (tmp_path / "data" / f"{name}.nii.gz").parent.mkdir(exist_ok=True)
        (tmp_path / "data" / f"{name}.nii.gz").touch()
    return tmp_path


def cases_of(folder: Path) -> list[CaseFiles]:
    data = folder / "data"
    first = CaseFiles(
        "a", "p1", {"flair": data / "a_flair.nii.gz", "t1": data / "a_t1.nii.gz"}, data / "a_mask.nii.gz", "train",
        (0, 1, 2), (1, 2), {"second": data / "a_second.nii.gz"},
    )  # fmt: skip
    return [first, CaseFiles("b", "p2", {"t1": data / "b_t1.nii.gz"}, data / "b_mask.nii.gz")]


@pytest.mark.parametrize("name", ["cases.csv", "cases.json", "deeper/cases.csv"])
def test_a_table_comes_back_as_it_was_written(files, name):
    cases = cases_of(files)
    write_case_table(files / name, cases)
    back = read_case_table(files / name)
    assert [(c.id, c.patient, c.split, c.mask_values, c.lesion_values) for c in back] == [
        ("a", "p1", "train", (0, 1, 2), (1, 2)), ("b", "p2", None, (0, 1), (1,)),
    ]  # fmt: skip
    for before, after in zip(cases, back):
        assert list(after.channels) == list(before.channels)
        assert [path.resolve() for path in after.files] == [path.resolve() for path in before.files]


def test_a_written_table_holds_relative_paths_and_no_scraps(files):
    write_case_table(files / "cases.csv", cases_of(files))
    assert str(files) not in (files / "cases.csv").read_text()
    assert sorted(path.name for path in files.iterdir()) == ["cases.csv", "data"]


def test_a_table_moves_with_its_files(files, tmp_path_factory):
    write_case_table(files / "cases.json", cases_of(files))
    moved = tmp_path_factory.mktemp("moved") / "here"
    files.rename(moved)
    assert read_case_table(moved / "cases.json")[0].mask == moved / "data" / "a_mask.nii.gz"


def test_the_columns_of_a_csv_are_the_channels_in_their_order(files):
    (files / "t.csv").write_text(
        "t1, id, flair, mask\n"
        "data/a_t1.nii.gz, a, data/a_flair.nii.gz, data/a_mask.nii.gz\n"
        "data/b_t1.nii.gz, b, , data/b_mask.nii.gz\n"
    )
    first, second = read_case_table(files / "t.csv")
    assert list(first.channels) == ["t1", "flair"]
    assert list(second.channels) == ["t1"]
    assert (second.patient, second.split, second.mask_values) == ("b", None, (0, 1))


def test_a_csv_as_a_spreadsheet_writes_it(files):
    text = "id;flair;mask;mask_values\r\na;data/a_flair.nii.gz;data/a_mask.nii.gz;0 1 2\r\n"
    (files / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (case,) = read_case_table(files / "t.csv")
    assert (case.id, list(case.channels), case.mask_values) == ("a", ["flair"], (0, 1, 2))


def test_channels_in_contrary_orders_go_into_a_json_only(files):
    data = files / "data"
    one = {"flair": data / "a_flair.nii.gz", "t1": data / "a_t1.nii.gz"}
    other = {"t1": data / "b_t1.nii.gz", "flair": data / "b_flair.nii.gz"}
    cases = [
        CaseFiles("a", "a", one, data / "a_mask.nii.gz"), CaseFiles("b", "b", other, data / "b_mask.nii.gz")
    ]  # fmt: skip
    with pytest.raises(InputError, match="different orders"):
        write_case_table(files / "t.csv", cases)
    write_case_table(files / "t.json", cases)
    assert [list(case.channels) for case in read_case_table(files / "t.json")] == [["flair", "t1"], ["t1", "flair"]]


HEADER = "id,patient,split,flair,mask,mask_values,lesion_values\n"
ROW = "a,p1,train,data/a_flair.nii.gz,data/a_mask.nii.gz,0 1,1\n"
BAD_CSV = {
    "no mask column": ("id,flair\na,data/a_flair.nii.gz\n", "no column mask"),
    "no id column": ("flair,mask\nx,y\n", "no column id"),
    "no channel": ("id,mask\na,data/a_mask.nii.gz\n", "no column of a channel"),
    "column twice": ("id,flair,flair,mask\na,b,c,d\n", "a column twice"),
    "no row": (HEADER, "holds no case"),
    "short row": (HEADER + "a,p1\n", "Row 1 .* cells"),
    "long row": (HEADER + ROW.strip() + ",more\n", "Row 1 .* cells"),
    "duplicate id": (HEADER + ROW + ROW, "the id a more than once"),
    "unknown split": (HEADER + ROW.replace("train", "training"), "split 'training'; the known ones are train"),
    "unknown channel": (HEADER.replace("flair", "swi") + ROW, "channel 'swi' .* is unknown"),
    "undeclared mask values": (HEADER + ROW.replace("0 1,1", ",1"), "does not declare the values of its mask"),
    "lesion value that the mask lacks": (HEADER + ROW.replace("0 1,1", "0 1,2"), "lesion values 2 and the mask values"),
    "values that are no numbers": (HEADER + ROW.replace("0 1,1", "none,1"), "whole numbers"),
    "mask cell empty": (HEADER + ROW.replace("data/a_mask.nii.gz", ""), "Row 1 of t.csv has no mask"),
    "no image": (HEADER + ROW.replace("data/a_flair.nii.gz", ""), "has no channels"),
    "file not there": (HEADER + ROW.replace("a_flair", "gone"), "a file that does not exist: .*gone.nii.gz"),
    "patient in two splits": (
        HEADER + ROW + "b,p1,test,data/b_flair.nii.gz,data/b_mask.nii.gz,0 1,1\n", "p1 is in two splits: case a"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text, sentence", BAD_CSV.values(), ids=BAD_CSV.keys())
def test_each_mistake_in_a_csv_has_its_sentence(files, text, sentence):
    (files / "t.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_case_table(files / "t.csv")


def test_missing_files_are_listed_at_once_up_to_ten(files):
    rows = "".join(f"c{n},p{n},,data/gone{n}.nii.gz,data/a_mask.nii.gz,0 1,1\n" for n in range(12))
    (files / "t.csv").write_text(HEADER + rows)
    with pytest.raises(InputError, match="12 files that do not exist") as raised:
        read_case_table(files / "t.csv")
    assert str(raised.value).count("gone") == 10


BAD_JSON = {
    "no json": ("[", "not valid JSON"),
    "no list": ("{}", "must be a list of cases"),
    "no object": ("[1]", "Row 1 .* not an object"),
    "unknown entry": ('[{"id": "a", "mask": "m", "channels": {"t1": "x"}, "maks": 1}]', "unknown entry maks"),
    "channels as text": ('[{"id": "a", "mask": "m", "channels": "x"}]', "channels in row 1 .* must be an object"),
    "half a value": (
        '[{"id": "a", "mask": "m", "channels": {"t1": "x"}, "mask_values": [0, 1.5]}]', "1.5. are no whole numbers"
    ),
    "no path": ('[{"id": "a", "mask": "m", "channels": {"t1": 7}}]', "cannot be understood"),
    "lesion values alone": (
        '[{"id": "a", "mask": "m", "channels": {"t1": "x"}, "lesion_values": [1]}]', "does not declare the values"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text, sentence", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_each_mistake_in_a_json_has_its_sentence(files, text, sentence):
    (files / "t.json").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_case_table(files / "t.json")


def test_other_suffixes_and_absent_tables_are_refused(files):
    with pytest.raises(InputError, match="must end in .csv or .json"):
        write_case_table(files / "cases.xlsx", [])
    with pytest.raises(InputError, match="absent.csv cannot be read"):
        read_case_table(files / "absent.csv")


def test_rows_of_another_file_start_at_its_folder(files):
    rows = json.loads('[{"id": "a", "channels": {"flair": "a_flair.nii.gz"}, "mask": "a_mask.nii.gz"}]')
    (case,) = cases_from_rows(rows, files / "data", "recipe.yaml")
    assert case.channels["flair"] == files / "data" / "a_flair.nii.gz"
    with pytest.raises(InputError, match="recipe.yaml names 2 files"):
        cases_from_rows(rows, files, "recipe.yaml")
