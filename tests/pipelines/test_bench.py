"""The benchmarks: found in a clone, and they measure."""

import json

import numpy as np
import pytest
import soundfile

from benchmarks.activity import grid, median_clipping, score
from birdsong.pipelines import bench
from birdsong.pipelines.command import main
from birdsong.recordings.synthesis import SyntheticRecording
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


def test_activity_knows_when_a_bird_sings_and_takes_no_recordings(tmp_path, capsys):
    assert main(["bench", "activity", "--audio", str(tmp_path)]) == 2
    assert "makes its own recordings" in capsys.readouterr().err


def test_segments_are_scored_against_songs():
    silence = np.zeros(20 * RATE_HZ, np.float32)
    recording = SyntheticRecording(silence, RATE_HZ, ((1.0, 3.0), (10.0, 12.0)), "none", 0.0)
    found = score(recording, [2.0, 3.5, 15.0])  # half of the first song, nothing, nothing
    assert found.found_share == pytest.approx(0.25)
    assert found.empty_share == pytest.approx(2 / 3)
    assert found.cover == pytest.approx((4.5 + 3) / 4)
    assert (found + found).cover == pytest.approx(found.cover)
    assert score(recording, []).empty_share == 0
    assert grid(silence)[-1] == 16.5
    assert score(recording, grid(silence)).found_share == 1


def test_median_clipping_finds_a_tone_in_noise():
    noise = 0.01 * np.random.default_rng(0).standard_normal(20 * RATE_HZ).astype(np.float32)
    times_s = np.arange(len(noise)) / RATE_HZ
    tone = (0.1 * np.sin(2 * np.pi * 4000 * times_s) * (abs(times_s - 10) < 0.2)).astype(np.float32)
    assert median_clipping(noise) == []
    assert median_clipping(noise + tone) == [pytest.approx(10 - 1.5, abs=0.1)]


@pytest.mark.slow
def test_activity(tmp_path, capsys):
    assert main(["bench", "activity", "--rounds", "1", "--json", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    for level in figures.values():
        ours, everything = level["birdsong"], level["every segment of the grid"]
        assert ours["empty_share"] < level["median clipping"]["empty_share"]
        assert level["median clipping"]["empty_share"] < everything["empty_share"]
        assert everything["found_share"] == pytest.approx(1, abs=0.01)
        assert len(ours["seconds_a_minute"]) == 1
    assert "of the singing found" in capsys.readouterr().out
