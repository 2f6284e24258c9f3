"""The benchmarks: found in a clone, and they measure."""

import json

import pytest
import soundfile

from birdsong.pipelines import bench
from birdsong.pipelines.command import main
from tests.conftest import RATE_HZ, voice


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


def test_png(tmp_path, capsys):
    arguments = ["bench", "png", "--rounds", "2", "--audio", str(tmp_path)]
    assert main(arguments) == 2
    assert "expected recordings of birds, found none with a picture" in capsys.readouterr().err

    (tmp_path / "letter.wav").write_text("this is a letter")
    soundfile.write(tmp_path / "bird.wav", voice("low", 7.0, 0), RATE_HZ)
    assert main([*arguments, "--json", str(tmp_path / "f.json")]) == 0
    out = capsys.readouterr().out
    assert "left out: letter.wav: not audio" in out
    assert "read by Pillow" in out
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["recordings"] == 1
    for way in figures["ways"].values():
        assert len(way["write_s"]) == len(way["read_s"]["birdsong"]) == 2
    ours = figures["ways"]["birdsong: stored, unfiltered"]
    assert ours["bytes"] > figures["ways"]["Pillow's default"]["bytes"]
