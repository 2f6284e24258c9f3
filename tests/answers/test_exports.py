"""What other programs read."""

import csv
import io
import json

import pytest

from birdsong.answers.classifier import Classifier
from birdsong.answers.exports import CSV_COLUMNS, to_csv, to_json_line
from birdsong.answers.prediction import Prediction


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
