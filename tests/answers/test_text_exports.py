"""What other programs read."""

import csv
import io
import json
from dataclasses import replace
from pathlib import PurePath

import crowsetta
import pytest

from birdsong.answers.classifier import Classifier
from birdsong.answers.prediction import Detection, Prediction
from birdsong.answers.prediction_fields import CSV_COLUMNS
from birdsong.answers.text_exports import (
    KALEIDOSCOPE_COLUMNS,
    result_paths,
    to_audacity,
    to_csv,
    to_json_line,
    to_kaleidoscope,
    to_raven,
)
from birdsong.csv_escape import unescape_cell


@pytest.fixture(scope="module")
def prediction(bundle_dir, voices):
    folder, rows = voices
    return Classifier.load(bundle_dir).classify(folder / rows[0].file, name="field/Ärger, 1.wav")


def test_json_has_every_field_that_others_rely_on(prediction):
    line = to_json_line(prediction)
    assert "\n" not in line
    written = json.loads(line)
    assert written["recording"] == "field/Ärger, 1.wav"
    assert set(written) >= {
        "recording", "status", "duration_s", "bird_probability", "warnings", "answer", "path",
        "top", "detections", "segments", "bundle",
    }  # fmt: skip
    assert set(written["answer"]) == {
        "rank", "taxon", "english_name", "probability", "promise", "reason", "runner_up",
    }  # fmt: skip
    assert written["path"][0] == {
        "rank": "class", "taxon": "Aves", "probability": written["path"][0]["probability"],
    }  # fmt: skip
    assert set(written["top"][0]) == {"rank", "taxon", "english_name", "probability"}
    assert len(written["top"]) == 3
    assert set(written["detections"][0]) == {
        "start_s", "end_s", "rank", "taxon", "english_name", "probability",
    }  # fmt: skip
    assert set(written["segments"][0]) == {
        "start_s", "end_s", "bird_probability", "taxon", "probability",
    }  # fmt: skip
    assert set(written["bundle"]) == {"name", "fingerprint"}


def test_json_of_a_failure():
    failed = Prediction(
        recording="x.mp3", status="failed", error="x.mp3: is empty (0 bytes)", promise=0.9,
        bundle_name="b", bundle_fingerprint="f",
    )  # fmt: skip
    assert json.loads(to_json_line(failed)) == {
        "recording": "x.mp3",
        "status": "failed",
        "error": "x.mp3: is empty (0 bytes)",
        "bundle": {"name": "b", "fingerprint": "f"},
    }


def test_csv_reads_back(prediction):
    rows = list(csv.DictReader(io.StringIO(to_csv([prediction, prediction]))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 2 * len(prediction.detections) > 0
    for row, found in zip(rows, prediction.detections * 2, strict=True):
        assert row["recording"] == prediction.recording
        assert (row["rank"], row["taxon"]) == (found.rank, found.taxon)
        assert float(row["start_s"]) == pytest.approx(found.start_s, abs=1e-3)
        assert float(row["probability"]) == pytest.approx(found.probability, abs=1e-4)
        assert float(row["promise"]) == 0.9


def test_csv_of_nothing_is_a_header():
    assert to_csv([]) == ",".join(CSV_COLUMNS) + "\n"
    assert to_csv([], header=False) == ""


FOUND = Prediction(
    recording="field/night/one.wav", status="ok", duration_s=12.0, promise=0.9,
    detections=(
        Detection(0.0, 3.0, "species", "Turdus merula", "Common Blackbird", 0.93),
        Detection(4.5, 10.5, "genus", "Turdus", None, 0.9051),
    ),
    bundle_name="b", bundle_fingerprint="f",
)  # fmt: skip


def test_raven_reads_its_table(tmp_path):
    path = tmp_path / "one.selections.txt"
    path.write_text(to_raven(FOUND, low_hz=200.0, high_hz=11_000.0))
    boxes = crowsetta.formats.bbox.Raven.from_file(path, annot_col="Taxon").to_bbox()
    assert [(box.onset, box.offset, box.low_freq, box.high_freq, box.label) for box in boxes] == [
        (0.0, 3.0, 200.0, 11_000.0, "Turdus merula"),
        (4.5, 10.5, 200.0, 11_000.0, "Turdus"),
    ]
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["Selection"] for row in rows] == ["1", "2"]
    assert [row["Probability"] for row in rows] == ["0.93", "0.9051"]
    assert [row["English Name"] for row in rows] == ["Common Blackbird", ""]


def test_audacity_reads_its_labels(tmp_path):
    path = tmp_path / "one.labels.txt"
    path.write_text(to_audacity(FOUND))
    track = crowsetta.formats.seq.AudSeq.from_file(path)
    assert list(track.start_times) == [0.0, 4.5]
    assert list(track.end_times) == [3.0, 10.5]
    assert list(track.labels) == ["Turdus merula (Common Blackbird) 93 %", "Turdus 90 %"]


def test_kaleidoscope_finds_the_place():
    rows = list(csv.DictReader(io.StringIO(to_kaleidoscope([FOUND, FOUND]))))
    assert tuple(rows[0]) == KALEIDOSCOPE_COLUMNS
    assert len(rows) == 4
    assert (rows[1]["INDIR"], rows[1]["FOLDER"], rows[1]["IN FILE"]) == (
        "field", "night", "one.wav",
    )  # fmt: skip
    assert (float(rows[1]["OFFSET"]), float(rows[1]["DURATION"])) == (4.5, 6.0)
    assert rows[1]["scientific_name"] == "Turdus"


def test_no_cell_is_a_formula():
    named = replace(FOUND, recording="=cmd|'/c calc'!A1/-1+2.wav")
    for text in (to_csv([named]), to_kaleidoscope([named]), to_raven(named, low_hz=1, high_hz=2)):
        delimiter = "\t" if "\t" in text else ","
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    (row, *_) = csv.DictReader(io.StringIO(to_csv([named])))
    assert unescape_cell(row["recording"]) == named.recording
    assert json.loads(to_json_line(named))["recording"] == named.recording, "JSON runs nowhere"


def test_without_detections_there_is_an_empty_table():
    silent = Prediction(
        recording="a.wav", status="ok", promise=0.9, bundle_name="b", bundle_fingerprint="f"
    )
    assert to_audacity(silent) == ""
    assert to_raven(silent, low_hz=200, high_hz=11_000).count("\n") == 1
    assert to_kaleidoscope([silent]).count("\n") == 1


@pytest.mark.parametrize(
    ("recordings", "expected"),
    [
        (["a/one.wav", "b/two.wav"], ["one.txt", "two.txt"]),
        (["x/a/one.wav", "x/b/one.mp3", "x/two.wav"], ["a/one.txt", "b/one.txt", "two.txt"]),
        (["one.wav", "sub/one.wav"], ["one.txt", "sub/one.txt"]),
        (["a/one.wav", "a/one.mp3", "b/one.wav"], ["a/one.wav.txt", "a/one.mp3.txt", "b/one.txt"]),
        (["a/One.wav", "b/one.wav"], ["a/One.txt", "b/one.txt"]),
        (["/data/a/one.wav", "/data/b/../b/one.wav"], ["a/one.txt", "b/one.txt"]),
        (["one.wav", "./one.mp3"], ["one.wav.txt", "one.mp3.txt"]),
    ],
)
def test_equal_stems_keep_their_subfolder(recordings, expected):
    paths = result_paths(recordings, ".txt")
    assert paths == [PurePath(path) for path in expected]
    assert not any(path.is_absolute() or ".." in path.parts for path in paths)
