"""The figures of a small package made by the test: what is counted, and what is above its aim."""

from __future__ import annotations

import sys

import pytest

import figures

FUNCTION = '''
def long():
    """One line.

    And more.
    """
    {body}
'''
CLASS = "class Many:\n" + "".join(f"    def m{k}(self): return {k}\n" for k in range(26))


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The figures by name, of a package with a circle of rooms, one of modules, and much of everything."""
    body = "\n    ".join(f"x{k} = {k}" for k in range(61))
    written = {
        "__init__.py": "",
        "room/__init__.py": "",
        "room/first.py": "from circled.room import second\nimport circled.other\n",
        "room/second.py": "from circled.room import first  # noqa: F401\n",
        "other.py": "def late():\n    from circled.room import second\n    return second\n",
        "large.py": CLASS + FUNCTION.format(body=body) + "\n" * 400,
    }
    for name, text in written.items():
        path = tmp_path / "circled" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield {one.name: one for one in figures.figures(tmp_path / "circled")}
    for name in [name for name in sys.modules if name.startswith("circled")]:
        del sys.modules[name]


def test_functions_are_measured_with_and_without_their_docstring(found):
    longest = found["lines of a function, longest"]
    assert longest.value == 62
    assert longest.above == ((62, "large.py:29 long"),)
    assert found["the same with its docstring"].value == 66
    assert found["lines of a function, median"].value == 1


def test_files_methods_and_loose_modules_are_counted(found):
    assert found["methods of a class"].above == ((26, "large.py:1 Many"),)
    assert found["files of a folder"].value == 3
    assert found["loose modules"].value == 2
    assert found["lines of a file"].above[0][1] == "large.py"
    assert found["noqa"].above == ((1, "room/second.py"),)


def test_circles_are_those_of_modules_and_of_what_lies_side_by_side(found):
    assert {place for _, place in found["circles of imports"].above} == {
        "circled.room.first <-> circled.room.second",
        "circled.other <-> circled.room",
        "circled.other <-> circled.room.first <-> circled.room.second",
    }


def test_a_missed_aim_is_said_with_the_worst_first():
    figure = figures.Figure("lines", 9, 5, ((9, "a.py"), (8, "b.py"), (7, "c.py")))
    head, *rest = figure.lines(2)
    assert head.endswith("MISSED")
    assert rest == ["         9  a.py", "         8  b.py", "            and 1 more"]
    assert len(list(figure.lines(None))) == 4
    assert not figures.Figure("lines", 5, 5).is_missed
