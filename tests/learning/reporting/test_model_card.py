"""Model cards: what they say of small bundles, and what cannot break them."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import read_bundle
from birdsong.learning.evaluation.scores import measure, score
from birdsong.learning.reporting.attribution import NOT_KNOWN, Credit, credits_section, learned_from
from birdsong.learning.reporting.markdown import escape, inline_code, link, table
from birdsong.learning.reporting.model_card import model_card
from birdsong.pipelines.command import main
from birdsong.recordings.manifest import write_manifest


@pytest.fixture(scope="module")
def calibrated(calibrated_dir):
    return read_bundle(calibrated_dir)


def rows_of(markdown: str, heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, the header's among them."""
    section = markdown.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


def credit(number: int, **fields: str) -> Credit:
    name = f"XC{number}"
    return Credit(
        recording=name, title=name, session=str(number), url=f"https://a.org/{number}", **fields
    )


def test_it_tells_what_the_bundle_holds(calibrated):
    card = model_card(calibrated, [credit(1)], command="birdsong card b")
    assert calibrated.fingerprint in card
    assert "written by `birdsong card b`" in card
    known = {row[1].strip(): row for row in rows_of(card, "What it knows")[2:]}
    assert set(known) == {"*Gravis profundus*", "*Acutus surgens*", "*Acutus summus*"}
    for label in calibrated.bird_labels:
        name, _, rank, *counts = (cell.strip() for cell in known[f"*{label.taxon}*"])
        assert (name, rank) == (label.english_name, "species")
        assert counts == [str(label.n_recordings), str(label.n_sessions)]


def test_its_figures_are_those_of_the_calibration_data(calibrated):
    card = model_card(calibrated, [])
    data = calibrated.calibration_data
    scored = score(data, calibrated.label_space, calibration=calibrated.calibration)
    tables = rows_of(card, "How good it is")
    told = {row[0].strip(): row[1].strip() for row in tables}
    assert told["top-1"] == f"{100 * measure(scored)['top1']:.1f} %"
    assert {"80 %", "90 %", "95 %"} <= set(told)
    by_label = rows_of(card, "Each label")[2:]
    assert sum(int(row[1]) for row in by_label) == len(data)
    assert "not calibrated" not in card


def test_without_calibration_it_says_that_nothing_is_known(bundle_dir):
    card = model_card(read_bundle(bundle_dir), [])
    assert "so that its accuracy is not known" in card
    assert "It is not calibrated" in card
    assert "No manifest was given" in card


def test_too_few_sessions_to_judge_promises(calibrated):
    data = calibrated.calibration_data
    one_session = replace(data, sessions=("all",) * len(data), folds=np.zeros_like(data.folds))
    card = model_card(replace(calibrated, calibration_data=one_session), [])
    assert "Promises are not measured" in card
    assert "| top-1 |" in card


def test_what_training_measured_stands_in_it(bundle_dir):
    bundle = read_bundle(bundle_dir)
    told = {
        "command": "birdsong train a|b --out `c`",
        "config": {"seed": 7, "dataset": {"rank": "species"}},
        "training_s": 12,
        "metrics": {"test": {"recordings": 20, "top1": 0.5, "top5": 0.75}},
        "machine": "x86_64, 2 cores",
    }
    card = model_card(replace(bundle, provenance=told), [])
    facts = {row[0].strip(): row[1].strip() for row in rows_of(card, "How it was trained")}
    assert facts["command"] == r"`` birdsong train a\|b --out `c` ``"
    assert facts["seed"] == "7"
    assert facts["training"] == "12 s for the network that answers"
    assert facts["machine"] == "x86\\_64, 2 cores"
    assert '`dataset.rank "species"`' in card
    assert "the 20 recordings of the test split, top-1 is 50.0 %" in card


def test_whose_recordings_they_are():
    shared = {"licence": "http://creativecommons.org/licenses/by-nc-sa/4.0/"}
    section = credits_section(
        [
            credit(1, recordist="B. Bird", **shared),
            credit(2, recordist="B. Bird", licence=shared["licence"].replace("http:", "https:")),
            credit(3, recordist="A. Auk", licence="as you like"),
            credit(4),
        ],
        n_missing=3,
    )
    assert "4 recordings, shared by 2 recordists. The manifest lacks the recordist of 1" in section
    assert "3 recordings are not in the manifest" in section
    lines = section.splitlines()
    assert "| [CC BY-NC-SA 4.0](https://creativecommons.org/licenses/by-nc-sa/4.0/) | 2 |" in lines
    names = [line.strip("| ").split(" | ")[0] for line in lines[-3:]]
    assert names == ["A. Auk", "B. Bird", NOT_KNOWN]
    assert "[XC1](https://a.org/1), [XC2](https://a.org/2)" in lines[-2]


def test_no_cell_breaks_the_table():
    nasty = credit(1, recordist="Eve | [x](y)\n| a | <b>*bold*</b> `c`", licence="do\\what|ever")
    section = credits_section([replace(nasty, url="javascript:alert(1)")], n_missing=0)
    last = section.splitlines()[-1]
    assert len(re.findall(r"(?<!\\)\|", last)) == 4
    assert "<b>" not in last
    assert "javascript" not in last
    assert last.endswith("| XC1 |")


def test_words_of_people_stay_words():
    assert escape(" a\tb\n c ") == "a b c"
    assert escape("x_y*z") == r"x\_y\*z"
    assert inline_code("a`b|c") == r"`` a`b\|c ``"
    assert link("a", "https://b.org/(c) d") == "a"
    assert link("a]", "https://b.org/(c)|d") == r"[a\]](https://b.org/%28c%29%7Cd)"
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        table(["a", "b"], [["c"]])


def test_a_manifest_of_other_recordings_is_refused(bundle_dir, tmp_path, voices, capsys):
    strangers = tmp_path / "m.csv"
    write_manifest(strangers, [replace(row, session="of someone else") for row in voices[1]])
    assert main(["card", str(bundle_dir), "--manifest", str(strangers)]) == 2
    said = capsys.readouterr().err
    assert "holds none of the" in said
    assert "name the manifest that it was trained from with --manifest" in said
    assert learned_from([credit(1)], {"1"}, "m.csv") == (credit(1),)


def test_by_command(bundle_dir, tmp_path, voices, capsys):
    manifest, out = tmp_path / "m.csv", tmp_path / "card.md"
    rows = [replace(row, recordist="Ada | Auk") for row in voices[1]]
    sessions = read_bundle(bundle_dir).sessions
    learned = [row for row in rows if row.session in sessions]
    write_manifest(manifest, [row for row in rows if row is not learned[0]])
    assert main(["card", str(bundle_dir), "--manifest", str(manifest), "--out", str(out)]) == 0
    card = out.read_text()
    assert f"{len(learned) - 1} recordings, shared by 1 recordists" in card
    assert "1 recordings are not in the manifest" in card
    assert rf"| Ada \| Auk | {NOT_KNOWN} |" in card

    assert main(["card", str(bundle_dir), "--out", str(tmp_path / "no" / "folder.md")]) == 2
    assert "the card cannot be written" in capsys.readouterr().err
    assert main(["card", str(tmp_path)]) == 2
    assert "is no bundle" in capsys.readouterr().err


def test_it_needs_no_keras():
    code_of = "import sys, birdsong.learning.reporting.model_card; print('keras' in sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code_of], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "False\n"
