"""Projects: made, opened, refused, and what lies in them."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest

from napari_advseg import project as projects
from napari_advseg.project import (
    Annotated,
    Held,
    Placed,
    Shown,
    UnreadableProject,
    annotation_at,
    annotations_in,
    create,
    located,
    lock,
    models_in,
    open_project,
    problems_in,
    results_in,
    runs_in,
    save_annotation,
)


@pytest.fixture
def project(tmp_path):
    return create(tmp_path / "tissue")


def test_a_project_is_a_folder_of_plain_files_and_opens_again(project):
    names = sorted(path.name for path in project.folder.iterdir())
    assert names == ["annotations", "models", "project.json", "project.lock", "results", "runs"]
    project.release()
    again = open_project(project.folder)
    assert (again.name, again.left_open) == ("tissue", None)
    assert again.session != project.session


def test_an_empty_folder_may_become_one_and_a_full_one_may_not(tmp_path):
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty")
    full = tmp_path / "photos"
    full.mkdir()
    for name in ("a.tif", "b.tif", "c.tif", "d.tif"):
        (full / name).touch()
    with pytest.raises(UnreadableProject, match=r"a\.tif, b\.tif, c\.tif, ….*empty or new"):
        create(full)
    with pytest.raises(UnreadableProject, match="holds other files"):
        open_project(full)
    assert sorted(path.name for path in full.iterdir()) == ["a.tif", "b.tif", "c.tif", "d.tif"]


def test_what_is_no_project_is_refused_in_words(tmp_path, project):
    file = tmp_path / "a.tif"
    file.touch()
    (tmp_path / "empty").mkdir()
    for place, words in (
        (tmp_path / "nowhere", "does not exist"),
        (file, "is a file"),
        (tmp_path / "empty", "no project yet"),
    ):
        with pytest.raises(UnreadableProject, match=words):
            open_project(place)
    with pytest.raises(UnreadableProject, match="is a file"):
        create(file)
    with pytest.raises(UnreadableProject, match="already; open it"):
        create(project.folder)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": 99, "made_with": "7.0"}', r"format 99 .*7\.0.*install a newer"),
        ('{"format": 1, "images": [{"path": ', "damaged .*restore it"),
        ('{"format": 1, "images": [{"path": 3, "name": "a"}]}', r"images\.0\.path"),
        ('{"format": 1, "surprise": true}', "surprise"),
        ("[1]", "lists no fields"),
        ("\udcff", "cannot be read|damaged"),
    ],
)
def test_a_newer_or_damaged_project_is_refused_and_left_as_it_is(project, content, words):
    project.release()
    file = project.folder / "project.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    before = file.read_bytes()
    with pytest.raises(UnreadableProject, match=words):
        open_project(project.folder)
    assert file.read_bytes() == before
    assert not (project.folder / lock.NAME).exists()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_read_only_project_is_refused_with_a_way_out(project, monkeypatch, code):
    project.release()

    def denied(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(lock, "_write_new", denied)
    with pytest.raises(ValueError, match="cannot be written to .*Copy it to a folder of your own"):
        open_project(project.folder)


def test_a_second_window_is_refused(project):
    with pytest.raises(Held, match="Project 'tissue' is open in another window"):
        open_project(project.folder)


def test_images_are_named_from_the_folder_on_and_found_wherever_both_are_moved(tmp_path, project):
    inside, beside = project.folder / "images" / "a.tif", tmp_path / "raw ä%#.tif"
    inside.parent.mkdir()
    for file in (inside, beside):
        file.touch()
    images = []
    for file in (inside, beside):
        path, absolute = project.named(str(file))
        images.append(Shown(name=file.stem, path=path, absolute=absolute))
    assert [image.path for image in images] == ["images/a.tif", "../raw ä%#.tif"]
    project.show(images)
    project.release()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(project.folder, moved / "tissue")
    folder = moved / "tissue"
    again = open_project(folder)
    assert again.content.images == tuple(images)
    assert located(folder, images[0]) == str(folder / "images" / "a.tif")
    assert located(folder, images[1]) == str(beside)  # by its absolute path
    shutil.move(beside, moved)
    assert located(folder, images[1]) == str(moved / beside.name)


def test_a_dataset_inside_a_file_is_found_too(tmp_path, project):
    (tmp_path / "a.h5").touch()
    for named in ("a.h5::/volumes/raw", "a.h5/volumes/raw"):
        path, absolute = project.named(str(tmp_path / named))
        shown = Shown(name="raw", path=path, absolute=absolute)
        assert located(project.folder, shown) == str(tmp_path / named)


def test_project_json_is_only_written_where_something_is_new(project):
    images = [Shown(name="a", path="a.tif")]
    project.show(images)
    stamp = (project.folder / "project.json").stat().st_mtime_ns
    project.show(images)
    assert (project.folder / "project.json").stat().st_mtime_ns == stamp


def test_a_run_is_written_down_when_it_starts_and_when_it_ends(project):
    place = project.begin_run("train", "Training on raw", "task: train\n")
    assert (project.folder / "recipe.yaml").read_text() == "task: train\n"
    second = project.begin_run("segment", "Segmenting raw", "task: segment\n")
    project.end_run(place, "failed", "No space left.", {"model": "models/a"})
    runs = dict(runs_in(project.folder))
    assert (runs[place].outcome, runs[place].said) == ("failed", "No space left.")
    assert (runs[place].results, runs[second].results) == ({"model": "models/a"}, {})
    assert runs[place].started <= runs[place].ended
    assert (runs[second].outcome, runs[second].ended) == ("", "")
    assert (place / "recipe.yaml").read_text() == "task: train\n"
    assert place.name < second.name or place.name.split("_")[1] == second.name.split("_")[1]


def test_two_runs_of_one_second_have_folders_of_their_own(project):
    places = {project.begin_run("train", "", f"{k}") for k in range(3)}
    assert len(places) == 3
    assert sorted((place / "recipe.yaml").read_text() for place in places) == ["0", "1", "2"]


def test_models_and_results_are_listed(project):
    for name in ("b", "a", "unfinished"):
        (project.models / name).mkdir()
    for name in ("a", "b"):
        (project.models / name / "model.json").touch()
    for name in ("x.ome.zarr", "y.tif", "z.ome.zarr.partial", "notes.txt"):
        (project.results / name).touch()
    assert [path.name for path in models_in(project.folder)] == ["a", "b"]
    assert [path.name for path in results_in(project.folder)] == ["x.ome.zarr", "y.tif"]


def test_annotations_are_listed_by_age_and_a_damaged_one_is_named(project):
    for name, made in (("cells", "2026-11-02"), ("mitochondria", "2026-11-01")):
        entry = Annotated(name=name, made=made, placed=Placed(scale=(40.0, 4.0, 6.0)))
        save_annotation(project.annotations / name, entry)
    broken = project.annotations / "broken"
    broken.mkdir()
    (broken / "layer.json").write_text("{")
    found = annotations_in(project.folder)
    assert [entry.name for _, entry in found] == ["mitochondria", "cells"]
    assert annotation_at(found[0][0]) == found[0][1]
    (problem,) = problems_in(project.folder)
    assert "broken" in problem


def test_new_things_get_names_that_are_free(project):
    first = project.place_for_annotation("a / b.2 ü")
    assert first.name == "a-b-2-ü"
    first.mkdir()
    assert project.place_for_annotation("a / b.2 ü").name == "a-b-2-ü-2"
    assert project.place_for_image("raw").name == "raw.ome.zarr"


def test_json_is_for_people_too(project):
    project.show([Shown(name="raw", path="../raw.tif", placed=Placed(scale=(4.0, 6.0)))])
    tree = json.loads((project.folder / "project.json").read_text(encoding="utf-8"))
    assert tree["images"][0]["path"] == "../raw.tif"
    assert tree["format"] == projects.entries.FORMAT
