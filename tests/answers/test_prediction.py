"""A prediction as a dictionary, as a table of pandas, and as HTML for a notebook."""

import io
import json
import sys
from dataclasses import replace

import pandas
import pytest

from birdsong.answers.prediction import Detection, Prediction
from birdsong.answers.prediction_fields import CSV_COLUMNS
from birdsong.answers.text_exports import to_csv, to_json_line
from birdsong.errors import ConfigError
from birdsong.selective.selection import Answer, RankedTaxon

MERULA = RankedTaxon("species", "Turdus merula", "Common Blackbird", 0.619999)
PREDICTION = Prediction(
    recording="field/a.wav",
    status="ok",
    duration_s=12.34567,
    bird_probability=0.98765,
    warnings=("clipped",),
    answer=Answer(
        rank="species", taxon="Turdus merula", english_name="Common Blackbird",
        probability=0.619999, promise=0.5, reason="It is likely.", because="", runner_up=None,
        path=(),
    ),
    reason="It is likely.",
    top=(MERULA, RankedTaxon("species", "Turdus philomelos", None, 0.3)),
    detections=(
        Detection(0.0, 2.0, "species", "Turdus merula", "Common Blackbird", 0.71236),
        Detection(4.0, 8.25, "genus", "Turdus", None, 0.9),
    ),
    promise=0.5,
    bundle_name="birds",
    bundle_fingerprint="0f",
)  # fmt: skip
FAILED = Prediction(
    recording="b.wav", status="failed", error="b.wav: no such file", promise=0.5,
    bundle_name="birds", bundle_fingerprint="0f",
)  # fmt: skip


@pytest.mark.parametrize("prediction", [PREDICTION, FAILED], ids=["ok", "failed"])
def test_to_dict_is_what_the_json_line_holds(prediction):
    assert prediction.to_dict() == json.loads(to_json_line(prediction))


def test_to_dict_rounds_and_keeps_everything():
    found = PREDICTION.to_dict()
    assert (found["duration_s"], found["bird_probability"]) == (12.346, 0.9877)
    assert found["answer"]["taxon"] == "Turdus merula"
    assert found["detections"][1]["english_name"] is None
    assert FAILED.to_dict() == {
        "recording": "b.wav",
        "status": "failed",
        "error": "b.wav: no such file",
        "bundle": {"name": "birds", "fingerprint": "0f"},
    }


def test_to_dataframe_holds_what_the_csv_does():
    table = PREDICTION.to_dataframe()
    assert tuple(table.columns) == CSV_COLUMNS
    assert table["probability"].tolist() == [0.7124, 0.9]
    assert table["english_name"].isna().tolist() == [False, True]
    read_back = pandas.read_csv(io.StringIO(to_csv([PREDICTION])))
    pandas.testing.assert_frame_equal(table, read_back, check_dtype=False)


def test_to_dataframe_without_detections_has_the_columns_and_no_rows():
    table = FAILED.to_dataframe()
    assert (tuple(table.columns), len(table)) == (CSV_COLUMNS, 0)
    assert table["start_s"].dtype == "float64"


def test_to_dataframe_without_pandas_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"needs pandas.*: pip install pandas$"):
        PREDICTION.to_dataframe()


def test_html_names_the_answer_with_the_english_name_first():
    html = PREDICTION._repr_html_()
    assert "species Common Blackbird (<i>Turdus merula</i>), 61 %" in html  # rounded down
    assert "It is likely." in html
    assert "<li>clipped</li>" in html
    assert html.count("<tr><td>") == 2


def test_html_escapes_whatever_it_quotes():
    bad = "<script>&"
    taxon = RankedTaxon("species", bad, bad, 0.5)
    answer = replace(PREDICTION.answer, rank=bad, taxon=bad, english_name=bad)
    changed = replace(
        PREDICTION, recording=bad, reason=bad, warnings=(bad,), top=(taxon,), answer=answer
    )
    for prediction in (changed, replace(FAILED, recording=bad, error=bad)):
        html = prediction._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;&amp;" in html


@pytest.mark.parametrize(
    ("prediction", "headline"),
    [
        (FAILED, "<strong>failed</strong>: b.wav: no such file"),
        (replace(PREDICTION, answer=None), "<strong>2 detections</strong>"),
        (
            replace(PREDICTION, answer=replace(PREDICTION.answer, rank="none", taxon=None)),
            "<strong>no bird, 61 %</strong>",
        ),
    ],
    ids=["failed", "too long", "no bird"],
)
def test_html_without_a_taxon(prediction, headline):
    assert headline in prediction._repr_html_()
