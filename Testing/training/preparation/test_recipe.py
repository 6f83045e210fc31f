"""Recipes: what is wrong is said with the file and the entry, before any work."""

import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.preparation.command import _jobs, _real_cases
from LesionSegmentationTraining.preparation.recipe import Recipe, read_recipe
from LesionSegmentationTraining.preparation.synthetic_case import synthetic_jobs

PART = {"split": "train", "count": 5, "first_seed": 100, "label_maps": [1, 2], "shape_patients": [0, 3]}


def test_the_recipes_that_ship_are_readable(pytestconfig):
    recipes = sorted((pytestconfig.rootpath / "training" / "configs").glob("*prepare*.yaml"))
    assert recipes
    for path in recipes:
        assert read_recipe(path).channels


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels: [flair]\nspaceing_mm: [1, 1, 1]\n", "spaceing_mm"),
        ("channels: []\n", "channels"),
        ("spacing_mm: [1, 1, 1]\n", "channels"),
        ("channels: [flair]\nspacing_mm: [1, 1]\n", "spacing_mm"),
        ("channels: [flair]\nsynthetic: {parts: [{split: training, count: 1}]}\n", "synthetic.parts.0.split"),
        ("- nothing\n", "the file"),
        ("channels: [flair\n", "cannot be read"),
    ],
)
def test_a_wrong_recipe_names_the_file_and_the_entry(tmp_path, text, says):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        read_recipe(path)
    assert "recipe.yaml" in str(raised.value) and says in str(raised.value)


def test_synthetic_patients_are_dealt_over_maps_and_some_are_free_of_lesions():
    recipe = Recipe(channels=["flair"], synthetic={"parts": [{**PART, "lesion_free_every": 4}]})
    jobs = synthetic_jobs(recipe.synthetic)
    assert [job["seed"] for job in jobs] == [100, 101, 102, 103, 104]
    assert [job["label_map"] for job in jobs] == [1, 2, 1, 2, 1]
    assert [job["load_ml"] for job in jobs] == [0.0, None, None, None, 0.0]


def test_two_parts_with_the_same_seeds_are_refused():
    recipe = Recipe(channels=["flair"], synthetic={"parts": [PART, {**PART, "split": "test"}]})
    with pytest.raises(InputError, match="seeds of their own"):
        list(_jobs(recipe, []))


def test_a_recipe_without_any_case_is_refused():
    with pytest.raises(InputError, match="names no case"):
        list(_jobs(Recipe(channels=["flair"]), []))


def test_patients_left_out_come_into_the_test_with_all_their_cases(tmp_path):
    for name in ("a1", "a2", "b1", "mask"):
        (tmp_path / f"{name}.nii.gz").touch()
    rows = [
        {
            "id": name,
            "patient": name[0],
            "split": "train",
            "mask": "mask.nii.gz",
            "channels": {"flair": f"{name}.nii.gz"},
        }
        for name in ("a1", "a2", "b1")
    ]
    recipe = Recipe(channels=["flair"], cases=rows, left_out=["a"])
    assert [case.split for case in _real_cases(recipe, tmp_path)] == ["test", "test", "train"]
    with pytest.raises(InputError, match="of c"):
        _real_cases(recipe.model_copy(update={"left_out": ["c"]}), tmp_path)
