"""An answer in words, and names from outside that stay text."""

from dataclasses import replace

import pytest

from birdsong.answers.prediction import Detection, Prediction
from birdsong.app.answer_text import (
    escape_markdown,
    failure_text,
    format_percent,
    format_time,
    headline_text,
    markdown_code,
    uncertainty_text,
)
from birdsong.selective.selection import Answer, RankedTaxon


def prediction(**answer):
    given = {
        "english_name": None, "promise": 0.9, "reason": "", "because": "",
        "runner_up": None, "path": (),
    }  # fmt: skip
    return Prediction(
        recording="a.wav", status="ok", promise=0.9, bundle_name="b", bundle_fingerprint="f",
        answer=Answer(**given | answer) if answer else None,
        detections=(Detection(0, 3, "genus", "Turdus", None, 0.95),) * 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"rank": "species", "taxon": "Turdus merula", "english_name": "Common Blackbird",
             "probability": 0.9599},
            "Species *Turdus merula* (Common Blackbird): 95 %",
        ),
        ({"rank": "genus", "taxon": "Turdus", "probability": 0.93}, "Genus *Turdus*: 93 %"),
        ({"rank": "family", "taxon": "Turdidae", "probability": 1.0}, "Family Turdidae: 100 %"),
        ({"rank": "class", "taxon": "Aves", "probability": 0.97}, "A bird: 97 %"),
        ({"rank": "class", "taxon": "Aves", "probability": 0.6}, "Perhaps a bird: 60 %"),
        ({"rank": "none", "taxon": None, "probability": 0.94}, "No bird: 94 %"),
        ({}, "Too long for one answer: 2 detections"),
    ],
)  # fmt: skip
def test_headline(answer, words):
    assert headline_text(prediction(**answer)) == words


@pytest.mark.parametrize(
    ("sure", "words"),
    [
        (0.6, "Which genus is uncertain: *Turdus* 60 %, *Catharus* 10 %."),
        (0.89, "Which genus is uncertain: *Turdus* 89 %, *Catharus* 10 %."),
        (0.9, ""),
    ],
)
def test_what_is_as_sure_as_was_asked_for_is_not_called_uncertain(sure, words):
    family = RankedTaxon("family", "Turdidae", None, 0.99)
    answer = {
        "rank": "family",
        "taxon": "Turdidae",
        "probability": 0.99,
        "path": (family, RankedTaxon("genus", "Turdus", None, sure)),
        "runner_up": RankedTaxon("genus", "Catharus", None, 0.1),
    }
    found = prediction(**answer)
    assert uncertainty_text(replace(found, path=answer["path"])) == words


@pytest.mark.parametrize(
    ("probability", "words"), [(0.8999999, "89 %"), (0.29, "29 %"), (0, "0 %"), (1, "100 %")]
)
def test_percent_is_rounded_down(probability, words):
    assert format_percent(probability) == words


def test_marks_become_text():
    assert escape_markdown("*a* [b](c) $d$ :red[e]") == (
        r"\*a\* \[b\]\(c\) \$d\$ \:red\[e\]"
    )  # fmt: skip
    assert escape_markdown("Swainson's Thrush, 3 m") == "Swainson's Thrush, 3 m"
    assert escape_markdown("a\nb\u202ec") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.wav", "` a.wav `"),
        ("`a``b`.wav", "``` `a``b`.wav ```"),
        ("<img src=x>.wav", "` <img src=x>.wav `"),
        ("two\nlines.wav", "` two\ufffdlines.wav `"),
        ("  ", "`?`"),
    ],
)
def test_a_name_becomes_code(name, words):
    assert markdown_code(name) == words


@pytest.mark.parametrize("before", ["a.wav: ", "the recording: ", ""])
def test_a_failure_names_its_recording_once(before):
    failed = Prediction(
        recording="a.wav", status="failed", error=f"{before}is empty (0 bytes)", promise=0.9,
        bundle_name="b", bundle_fingerprint="f",
    )  # fmt: skip
    assert failure_text(failed) == r"` a.wav ` cannot be read: is empty \(0 bytes\)."


@pytest.mark.parametrize(
    ("time_s", "duration_s", "words"),
    [
        (1.5, 12, "1.5 s"),
        (61, 119, "61.0 s"),
        (61, 3599, "1:01"),
        (59.7, 300, "1:00"),
        (3661, 7200, "1:01:01"),
    ],
)
def test_clock(time_s, duration_s, words):
    assert format_time(time_s, duration_s) == words
