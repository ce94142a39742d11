"""Jobs: what the bar says, and how long it still takes."""

from __future__ import annotations

import pytest
from waiting import SOON

from napari_advseg.engine import Cancelled
from napari_advseg.gui.compute.job import CURVE_POINTS, Job, Pace, duration, without_echoes
from napari_advseg.gui.kit.panel import Buttons
from napari_advseg.progress import BlockDone, Phase, Said, Saved, StepDone, Validated


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (75, "1 min 15 s"), (1800, "30 min"), (7260, "2 h 1 min")],
)
def test_a_duration_is_said_as_people_say_it(seconds, words):
    assert duration(seconds) == words


def test_the_time_left_follows_the_last_pieces_and_forgets_a_pause():
    pace = Pace()
    assert pace.seconds_left(10) is None
    for done in range(5):
        pace.mark(done, now=2.0 * done)
    assert pace.seconds_left(10) == 12
    pace.forget()
    assert pace.seconds_left(10) is None


def test_the_bar_says_phase_count_and_state(qtbot):
    job = Job("train", "Training")
    assert job.progress_words() == "Preparing the data"
    job.enter("waiting")
    assert job.progress_words() == "Starting the compute process"
    job.waits_for = "Training a"
    assert job.progress_words() == "Waits for the end of: Training a"
    job.read(Phase("predict", 4))
    job.read(BlockDone("predict", 1, 4))
    assert job.progress_words() == "Predicting tile 1 of 4"
    job.read(StepDone(7, 10, {"unet/loss": 1.0}, 0.1))
    assert job.progress_words().startswith("Training 7 of 10")
    job.enter("paused")
    assert job.progress_words() == "Paused at 7 of 10"
    job.enter("cancelling")
    assert job.progress_words() == "Stopping"


def test_the_log_shows_what_was_said_last_also_once_it_is_narrower(qtbot):
    buttons = Buttons("Run", can_pause=False, log_px=52)
    qtbot.addWidget(buttons)
    buttons.show()
    bar = buttons.log.verticalScrollBar()
    for width in (600, 400, 200):
        buttons.resize(width, 200)
        qtbot.waitUntil(lambda width=width: buttons.log.width() <= width, timeout=SOON)
        buttons.tell("A sentence that is far too long for the width of a dock. " * 3)
        assert bar.value() == bar.maximum()
    assert bar.maximum() > 0


def test_a_copy_is_counted_before_the_child_is_asked(qtbot):
    job = Job("segment", "Segmenting")
    job.read(BlockDone("copy", 3, 20))
    assert job.state == "preparing"
    assert job.progress_words() == "Copying section 3 of 20"


def test_it_ends_once(qtbot):
    job = Job("train", "Training")
    ends = []
    job.ended.connect(ends.append)
    job.end(Cancelled(1))
    job.end(Cancelled(1))
    assert ends == [Cancelled(1)]


def test_changes_are_told_ten_times_a_second_at_most(qtbot):
    job = Job("train", "Training")
    told = []
    job.changed.connect(lambda: told.append(1))
    for tick in range(100):  # two seconds, one report each 20 ms
        job.read(Said("on it goes"))
        job.flush(now=lambda tick=tick: 1 + tick / 50)
    assert 15 <= len(told) <= 20


def test_curves_stay_small_and_keep_their_ends(qtbot):
    job = Job("train", "Training")
    for step in range(1, 20_001):
        job.read(StepDone(step, 20_000, {"unet/loss": 1 / step}, 0.1))
    curve = job.curves["unet/loss"]
    assert len(curve) <= CURVE_POINTS
    assert (curve[0][0], curve[-1][0]) == (1, 20_000)


def test_a_single_term_is_drawn_once_and_a_place_is_named_once(qtbot):
    assert without_echoes({"unet/loss": 0.5, "unet/bce": 0.5, "x": 1.0}) == {
        "unet/loss": 0.5,
        "x": 1.0,
    }
    job = Job("train", "Training")
    for _ in range(3):
        job.read(Saved("/m", "training state"))
    job.read(Validated(3, 0.4, {"bce": 0.4, "f1": 0.9}, best=True, learning_rates={}))
    assert [line.text for line in job.log] == ["Training state saved to /m"]
    assert set(job.curves) == {"validation loss", "validation f1"}
