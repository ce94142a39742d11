"""Forms: what goes in comes out, and what is wrong is named where it stands."""

from __future__ import annotations

import inspect
import math
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import SOON

from napari_advseg.families.unet.settings import UNetSettings
from napari_advseg.gui.kit.editors import PatientComboBox, alternatives, bounds_of, stepped
from napari_advseg.gui.kit.form import Form
from napari_advseg.recipes import Segment, Train, train_recipe
from napari_advseg.settings import Settings, setting
from napari_advseg.settings.examples import ExampleSettings
from napari_advseg.settings.labelling import LabellingSettings
from napari_advseg.settings.prediction import PredictionSettings
from napari_advseg.settings.scoring import ScoringSettings
from napari_advseg.settings.training import TrainingSettings

MODELS = (
    ExampleSettings,
    TrainingSettings,
    PredictionSettings,
    LabellingSettings,
    ScoringSettings,
    UNetSettings,
)


def values_of(annotation: Any, bounds: tuple[float, float]) -> st.SearchStrategy[Any]:
    kinds, optional = alternatives(annotation)
    found = st.one_of(*(_values(kind, bounds) for kind in kinds))
    return st.none() | found if optional else found


def _values(kind: Any, bounds: tuple[float, float]) -> st.SearchStrategy[Any]:
    low, high = max(bounds[0], -1e12), min(bounds[1], 1e12)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        part, last = get_args(kind)[0], get_args(kind)[-1]
        counts = (2, 5) if last is Ellipsis else (len(get_args(kind)),) * 2
        return st.lists(_values(part, (1, 1e6)), min_size=counts[0], max_size=counts[1]).map(tuple)
    if inspect.isclass(kind) and issubclass(kind, Settings):
        return settings_of(kind)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(math.floor(low) + 1, math.ceil(high) - 1) | st.just(math.ceil(low))
    return st.floats(low, high, exclude_min=True, exclude_max=True) | st.just(low + 2e-4)


def settings_of(kind: type[Settings]) -> st.SearchStrategy[Settings]:
    fields = {
        name: values_of(field.annotation, bounds_of(field))
        for name, field in kind.model_fields.items()
    }
    return (
        st.fixed_dictionaries(fields)
        .filter(lambda tree: _is_valid(kind, tree))
        .map(kind.model_validate)
    )


def _is_valid(kind: type[Settings], tree: dict[str, Any]) -> bool:
    try:
        kind.model_validate(tree)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("kind", MODELS)
def test_settings_to_form_to_settings_is_the_identity(kind, qtbot):
    form = Form(kind())
    qtbot.addWidget(form)
    assert form.value() == kind()

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(settings_of(kind))
    def survives(chosen):
        form.set(chosen)
        assert form.problem == ""
        assert form.value() == chosen

    survives()


@pytest.mark.parametrize("preset", ["quick", "seed"])
def test_every_preset_survives_the_form(preset, qtbot):
    recipe = train_recipe("unet", preset, {"training": {"minutes": 2e-4}, "sections": "0:17"})
    form = Form(recipe, without=("task", "version"))
    qtbot.addWidget(form)
    assert form.value() == recipe
    assert type(form.value().model) is UNetSettings


def test_a_hidden_field_keeps_its_value(qtbot):
    chosen = TrainingSettings(steps=77, ema=0.5)
    form = Form(chosen, only=("ema",))
    qtbot.addWidget(form)
    form.row("ema").editor.write(2e-4)
    assert form.value() == chosen.changed(ema=2e-4)
    assert form.shown() == {"ema": 2e-4}


def test_fields_of_a_group_can_be_left_out(qtbot):
    form = Form(train_recipe("unet", "quick"), only=("training",), without=("training.steps",))
    qtbot.addWidget(form)
    with pytest.raises(KeyError):
        form.group("training").row("steps")
    assert form.value().training.steps == 2300


def test_an_absent_group_stays_absent_and_can_be_set(qtbot):
    form = Form(Segment(image="a", model="m", out="o.tif"), only=("labelling",))
    qtbot.addWidget(form)
    assert form.value().labelling is None
    form.set(Segment(image="a", model="m", out="o.tif", labelling=LabellingSettings(depth=2.5)))
    assert form.value().labelling == LabellingSettings(depth=2.5)


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("steps", "many", "Steps: "),
        ("steps", "0", "greater than or equal to 1"),
        ("ema", "1.5", "less than 1"),
        ("ema", "nan", "finite"),
    ],
)
def test_what_is_wrong_is_named_at_its_row(field, typed, words, qtbot):
    form = Form(TrainingSettings())
    qtbot.addWidget(form)
    form.row(field).editor.write(typed)
    assert words in form.problem
    assert form.row(field).problem.text()
    with pytest.raises(ValueError, match=form.row(field).title):
        form.value()
    form.row(field).editor.write(0.5 if field == "ema" else 10)
    assert form.problem == ""
    assert not form.row(field).problem.text()


def test_a_problem_inside_a_group_reaches_the_top(qtbot):
    form = Form(UNetSettings())
    qtbot.addWidget(form)
    form.group("optimiser").row("learning_rate").editor.write("-1")
    assert form.problem.startswith("Learning rate: ")


def test_a_problem_of_the_whole_is_named_too(qtbot):
    form = Form(UNetSettings())
    qtbot.addWidget(form)
    form.row("widths").editor.write((16,))
    assert "2 to 8 positive numbers" in form.problem


def test_sections_are_typed_as_a_span(qtbot):
    form = Form(train_recipe("unet", "quick"), only=("sections",))
    qtbot.addWidget(form)
    assert form.value().sections is None
    form.row("sections").editor.widget.setText("0:17")
    assert form.value().sections == (0, 17)
    form.row("sections").editor.widget.setText("5:2")
    assert "A:B" in form.problem


def test_a_slider_and_its_number_move_together_and_the_number_is_exact(qtbot):
    form = Form(LabellingSettings(), only=("threshold",), sliders={"threshold": (0.0, 1.0)})
    qtbot.addWidget(form)
    form.set(LabellingSettings(threshold=0.8137))
    assert form.value().threshold == 0.8137
    both = form.row("threshold").editor.widget
    assert both.slider.value() == 0.8137
    both.slider.setValue(0.5)
    assert form.value().threshold == 0.5


def test_a_form_says_when_it_changes(qtbot):
    form = Form(LabellingSettings())
    qtbot.addWidget(form)
    with qtbot.waitSignal(form.changed, timeout=SOON):
        form.row("thin").editor.widget.setChecked(False)
    assert not form.value().thin


def test_arrows_step_by_a_tenth_of_a_number():
    everywhere = (-math.inf, math.inf)
    assert stepped(2e-4, 1, everywhere, whole=False) == 2.1e-4
    assert stepped(1000, 1, everywhere, whole=True) == 1100
    assert stepped(1, -1, (1, 10), whole=True) == 1
    assert stepped(0.0, 1, (0, 1), whole=False) == 0.1


def test_of_words_that_are_too_long_a_choice_shows_beginning_and_end(qtbot):
    box = PatientComboBox()
    qtbot.addWidget(box)
    name = "neuropil cells (neuropil-unet)"
    box.addItem(name)
    box.resize(400, 26)
    assert box.shown == name
    box.resize(150, 26)
    first, last = box.shown.split("…")
    assert name.startswith(first)
    assert name.endswith(last)
    assert first
    assert last
    assert box.currentText() == name


def test_a_text_and_a_tuple_are_plain_lines(qtbot):
    class Named(Settings):
        name: str | None = setting(None, "Name", "A name.")
        span: tuple[float, float] = setting((0.1, 2e-5), "Span", "Two numbers.")

    form = Form(Named())
    qtbot.addWidget(form)
    assert form.value() == Named()
    form.set(Named(name="Zelle 1, ä", span=(1e-8, 3.0)))
    assert form.value() == Named(name="Zelle 1, ä", span=(1e-8, 3.0))
    assert Train is not None
