"""The demo: in small for every run, as a person types it when there is time."""

import json
import re

import pytest

from birdsong.pipelines import demo
from birdsong.pipelines.command import main


def test_in_small(tmp_path, monkeypatch, capsys, small_network):
    monkeypatch.setattr(demo, "N_INDIVIDUALS", 2)
    monkeypatch.setattr(demo, "N_NEW_INDIVIDUALS", 1)
    monkeypatch.setattr(demo, "N_NOISES", 2)
    monkeypatch.setattr(demo, "EPOCHS", {"genus": 1, "species": 1})
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "24 species in 8 genera and 4 families" in shown
    assert "8 labels and background\n" in shown
    assert "24 labels and background\n" in shown, "what is no bird is no label"
    assert json.loads((out / "runs/genus/run.json").read_text())["labels"] == 8
    assert "next: " not in shown.partition("Now with your recordings:")[0], "one at the end"
    assert "birdsong classify RECORDING --bundle" in shown
    for made in ("manifest.csv", "songs.png", "images/receipt.csv", "runs/species/history.png"):
        assert (out / made).is_file()

    monkeypatch.setattr(demo, "_make_recordings", lambda *_: pytest.fail("must not get here"))
    (out / demo.MARKER_FILE).unlink()
    assert main(["demo", "--out", str(out)]) == 2
    assert "not of an earlier demo; name another --out" in capsys.readouterr().err
    assert (out / "manifest.csv").is_file(), "nobody else's folder is emptied"


@pytest.mark.slow
def test_whole(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    shown = capsys.readouterr().out
    shares = {rank: int(right) / int(n) for rank, right, n in
              re.findall(r"most probable (\w+) right for (\d+) of (\d+)", shown)}  # fmt: skip
    assert shares["genus"] >= 0.9
    assert shares["species"] <= shares["genus"] - 0.1
    assert shares["species"] >= 0.4
    assert re.search(r"noises +0 of 20 got a species", shown)
