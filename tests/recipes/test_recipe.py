"""Recipes: one file says everything, and says what is wrong with it in one line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.recipes import Segment, parse_span, read_tree, to_yaml, train_recipe, validated
from napari_advseg.settings import assign, merge, parse


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 10**6),
    rate=st.floats(1e-8, 1.0),
    span=st.none() | st.tuples(st.integers(0, 50), st.integers(51, 99)),
    preset=st.sampled_from(["quick", "seed"]),
)
def test_a_recipe_survives_its_file(steps, rate, span, preset):
    changes = {
        "training": {"steps": steps},
        "model": {"optimiser": {"learning_rate": rate}},
        "sections": span,
    }
    recipe = train_recipe("unet", preset, changes)
    assert validated(yaml.safe_load(to_yaml(recipe))) == recipe


def test_changes_win_over_the_preset_and_leave_the_rest():
    plain, changed = (
        train_recipe("unet", "quick"),
        train_recipe("unet", "quick", {"training": {"steps": 7}}),
    )
    assert changed.training.steps == 7
    assert changed.model == plain.model
    assert changed.training.changed(steps=plain.training.steps) == plain.training


def test_the_seed_preset_holds_the_hyper_parameters_of_the_thesis():
    recipe = train_recipe("unet", "seed")
    adam = recipe.model.optimiser
    assert recipe.model.widths == (64, 128, 256, 512, 1024)
    assert (adam.learning_rate, adam.beta1, adam.beta2, adam.eps) == (0.01, 0.9, 0.999, 0.01)
    assert (recipe.examples.crop, recipe.examples.batch, recipe.examples.fixed_crops) == (
        160,
        18,
        6000,
    )
    plateau = recipe.training.plateau
    assert adam.learning_rate * plateau.factor**plateau.reductions == pytest.approx(6.25e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainin": {}}, "no setting 'trainin'"),
        ({"training": {"stepz": 3}}, "no setting 'training.stepz'"),
        ({"training": {"steps": 0}}, "training.steps"),
        ({"training": {"steps": float("nan")}}, "training.steps"),
        ({"model": {"widths": [16]}}, "2 to 8"),
        ({"sections": "5:5"}, "A < B"),
        ({"sections": "abc"}, "A:B"),
        ({"sections": 917}, r"\[0, 17\]"),
        ({"version": 99}, "install a newer one"),
        ({"zero": "nothing"}, "zero"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line_that_names_the_field(changes, said):
    with pytest.raises(ValueError, match=said) as refused:
        train_recipe("unet", "quick", changes)
    assert "\n" not in str(refused.value)


def test_unknown_family_and_preset_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unet"):
        train_recipe("vnet", "quick")
    with pytest.raises(ValueError, match="quick, seed"):
        train_recipe("unet", "fast")


def test_a_segment_recipe_is_told_apart_by_its_task():
    tree = {"task": "segment", "image": "a.tif", "model": "m", "out": "l.tif", "sections": "2:4"}
    recipe = validated(tree)
    assert isinstance(recipe, Segment)
    assert recipe.sections == (2, 4)
    assert validated(yaml.safe_load(to_yaml(recipe))) == recipe


@pytest.mark.parametrize(
    "text", ["", "- a\n- b", "a: [", "!!python/object/apply:os.system ['true']"]
)
def test_a_file_that_is_no_recipe_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match="r.yaml"):
        read_tree(file)
    with pytest.raises(ValueError, match="no recipe"):
        read_tree(tmp_path / "missing.yaml")


def test_options_are_written_into_nested_places():
    tree: dict = {"training": {"steps": 1}}
    for option in (
        "training.steps=500",
        "labelling.thin=false",
        "prediction.tile=none",
        "model.widths=[8, 16]",
        "zero=auto",
    ):
        assign(tree, option)
    assert tree == {
        "training": {"steps": 500},
        "labelling": {"thin": False},
        "prediction": {"tile": None},
        "model": {"widths": [8, 16]},
        "zero": "auto",
    }
    for wrong in ("training", "=5", "training.steps.more=5"):
        with pytest.raises(ValueError, match=r"name=value|single value"):
            assign(tree, wrong)


def test_values_are_read_as_people_write_them():
    assert [parse(text) for text in ("1", "2e-4", "True", "no such", "None", "[1, 2]")] == [
        1,
        2e-4,
        True,
        "no such",
        None,
        [1, 2],
    ]
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}, "d": 4}) == {
        "a": {"b": 3, "c": 2},
        "d": 4,
    }
    assert parse_span("0:17") == (0, 17)
    assert parse_span(None) is None


def test_a_span_may_begin_with_the_first_section():
    assert parse_span(":4") == parse_span("0:4") == (0, 4)
    for wrong in ("3:", ":", "1:2:3"):
        with pytest.raises(ValueError, match="A < B"):
            parse_span(wrong)
