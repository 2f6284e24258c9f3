"""The benchmarks: found in a clone, and they measure."""

import json

import pytest

from birdsong.pipelines import bench
from birdsong.pipelines.command import main


def test_outside_a_clone_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path)
    assert main(["bench", "preprocess"]) == 2
    assert "clone the repository" in capsys.readouterr().err


def test_no_rounds(capsys):
    assert main(["bench", "preprocess", "--rounds", "0"]) == 2
    assert "--rounds must be at least 1" in capsys.readouterr().err


@pytest.mark.slow
def test_preprocess(tmp_path, capsys):
    assert main(["bench", "preprocess", "--rounds", "1", "--json", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["pictures"]["birdsong, grid"] > figures["pictures"]["birdsong, songs"] > 0
    assert figures["pictures"]["birdsong, grid, 2 cores"] == figures["pictures"]["birdsong, grid"]
    assert all(len(seconds) == 1 for seconds in figures["seconds"].values())
    assert "of decoding" in capsys.readouterr().out
