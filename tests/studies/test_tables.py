"""Tables of studies: what is written is what is read, and means say how far their values lie apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.studies.tables import describe_spread, read_csv, to_csv, to_markdown

words = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=9)


@given(st.lists(st.fixed_dictionaries({"seed": words, "voi": words}), min_size=1, max_size=4))
def test_rows_are_read_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_bytes(to_csv(rows))
    assert read_csv(path) == rows


def test_a_column_that_a_row_lacks_is_empty_and_no_file_is_no_rows(tmp_path):
    path = tmp_path / "rows.csv"
    assert read_csv(path) == []
    path.write_bytes(to_csv([{"a": 1}, {"a": 2, "b": 3}]))
    assert read_csv(path) == [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]


def test_means_stand_with_the_deviation_of_a_sample():
    assert describe_spread([]) == ""
    assert describe_spread([0.25]) == "0.2500"
    assert describe_spread([1.0, 2.0, 3.0]) == "2.0000 ± 1.0000"
    assert describe_spread([2500.0, 2500.0]) == "2,500"


def test_a_page_shows_a_line_for_each_row():
    assert list(to_markdown(("pixel_accuracy", "n"), [("0.9", "2")])) == [
        "| pixel accuracy | n |",
        "|---|---|",
        "| 0.9 | 2 |",
    ]
