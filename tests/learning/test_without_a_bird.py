"""Recordings that are known to hold no bird teach the background, and nothing else."""

import shutil
from dataclasses import replace

import pytest

from birdsong.images.explore import NO_BIRD, explore
from birdsong.images.explore_page import summary_sentence
from birdsong.images.store import open_store
from birdsong.images.tables import read_receipt
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.pipelines.command import main
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.taxa.labels import BACKGROUND

CONFIG = DatasetConfig(background_share=1.0)


@pytest.fixture(scope="module")
def folder(voices, tmp_path_factory):
    """Images of the voices, by one manifest, and of noises, by another in another folder."""
    home = tmp_path_factory.mktemp("home")
    audio, recordings = voices
    write_manifest(home / "birds.csv", recordings)
    made = ["--audio", str(home / "noises"), "--out", str(home / "noises.csv")]
    assert main(["manifest", "noises", *made, "--recordings", "8"]) == 0
    assert main(
        ["preprocess", "--manifest", str(home / "birds.csv"), str(home / "noises.csv"),
         "--audio", str(audio), str(home / "noises"), "--out", str(home / "images")]
    ) == 0  # fmt: skip
    return home


def test_all_their_images_are_background(folder):
    store = open_store(folder / "images")
    noises = {each.name for each in read_manifest(folder / "noises.csv")}
    rows = [row for row in store.rows if row.recording in noises]
    assert {row.recording for row in rows} == noises
    assert {row.kind for row in rows} == {"background"}
    assert {row.taxon for row in rows} == {""}
    assert all(row.image.startswith("background/") for row in rows)
    length_of = {row.recording: row.duration_s for row in read_receipt(folder / "images")}
    for name in noises:  # on a grid, side by side, wherever one looks
        starts_s = [row.start_s for row in rows if row.recording == name]
        n_whole = length_of[name] // store.config.segment_s
        assert n_whole <= len(starts_s) <= n_whole + 1
        assert starts_s == [store.config.segment_s * i for i in range(len(starts_s))]


def test_they_teach_the_background_and_are_in_no_part_kept_apart(folder):
    store = open_store(folder / "images")
    noises = {each.name for each in read_manifest(folder / "noises.csv")}
    for dataset in (build_dataset(store, CONFIG), build_fold(store, CONFIG, 3, 0)):
        taught = {row.recording for row in dataset.train.rows}
        assert noises <= taught
        for part in (dataset.validation, dataset.calibration, dataset.test):
            assert not noises & set(part.recordings)
        for row, index in zip(dataset.train.rows, dataset.train.label_indices, strict=True):
            assert (dataset.labels[index] == BACKGROUND) == (row.kind == "background")
        assert len(dataset.labels) == 4
        assert not noises & dataset.class_index_of.keys()
        assert noises <= dataset.known_sessions, "so that nobody measures with them"


def test_of_a_session_kept_apart_nothing_is_taught(folder):
    store = open_store(folder / "images")
    dataset = build_dataset(store, CONFIG)
    (name, *_) = (row.recording for row in store.rows if not row.taxon)
    (session, *_) = dataset.test.sessions
    rows = [replace(r, session=session) if r.recording == name else r for r in store.rows]
    again = build_dataset(replace(store, rows=tuple(rows)), CONFIG)
    assert again.test.sessions == dataset.test.sessions
    assert name not in again.train.recordings


def test_they_are_shown_apart(folder):
    overview = explore(open_store(folder / "images"))
    (row,) = (row for row in overview.taxa if row.taxon == NO_BIRD)
    assert (row.recordings, row.bird_images) == (8, 0)
    assert "32 recordings" in summary_sentence(overview)
    assert "3 taxa" in summary_sentence(overview)


def test_they_do_not_spoil_what_a_manifest_tells(folder, capsys):
    assert main(["manifest", "check", str(folder / "noises.csv")]) == 0
    assert "of 0 taxa" in capsys.readouterr().out


def test_an_evaluation_leaves_them_out(folder, bundle_dir, tmp_path, capsys):
    words = ["evaluate", str(bundle_dir), str(folder / "images"), "--all"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert "24 recordings of 24 sessions" in capsys.readouterr().out


def test_a_recording_that_becomes_one_is_done_anew(folder, voices, tmp_path):
    images = shutil.copytree(folder / "images", tmp_path / "images")
    birds = read_manifest(folder / "birds.csv")
    is_none = {"order": "", "family": "", "genus": "", "species": "", "english_name": ""}
    birds[0] = replace(birds[0], **is_none, extra={"kind": "background"})
    write_manifest(tmp_path / "changed.csv", birds)
    assert main(
        ["preprocess", "--manifest", str(tmp_path / "changed.csv"), "--audio", str(voices[0]),
         "--out", str(images), "--replace"]
    ) == 0  # fmt: skip
    kinds = {row.kind for row in open_store(images).rows if row.recording == birds[0].name}
    assert kinds == {"background"}


def test_as_many_as_asked_for(tmp_path, capsys):
    words = ["manifest", "noises", "--audio", str(tmp_path / "n"), "--out", str(tmp_path / "n.csv")]
    assert main([*words, "--recordings", "0"]) == 2
    assert "--recordings must be at least 1, got 0" in capsys.readouterr().err
    assert main([*words, "--recordings", "2", "--seed", "3"]) == 0
    first = [path.read_bytes() for path in sorted((tmp_path / "n").iterdir())]
    assert main([*words, "--recordings", "2", "--seed", "4", "--replace"]) == 0
    assert first != [path.read_bytes() for path in sorted((tmp_path / "n").iterdir())]
