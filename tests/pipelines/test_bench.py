"""The benchmarks: found in a clone, and they measure."""

import json

import numpy as np
import pytest
import soundfile

from benchmarks import feed_images
from benchmarks.activity import grid, median_clipping, score
from benchmarks.classify import repeat_mp3
from benchmarks.feed_large import run_epoch
from birdsong.pipelines import bench
from birdsong.pipelines.command import main
from birdsong.sound.audio_reader import AudioReader
from birdsong.synthetic.synthesis import SyntheticRecording
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
    assert figures["images"]["birdsong, grid"] > figures["images"]["birdsong, songs"] > 0
    assert figures["images"]["birdsong, grid, 2 cores"] == figures["images"]["birdsong, grid"]
    assert all(len(seconds) == 1 for seconds in figures["seconds"].values())
    assert "of decoding" in capsys.readouterr().out


def test_png(tmp_path, capsys):
    arguments = ["bench", "png", "--rounds", "2", "--audio", str(tmp_path)]
    assert main(arguments) == 2
    assert "expected recordings of birds, found none with an image" in capsys.readouterr().err

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
    assert "synthesizes its recordings" in capsys.readouterr().err


def test_segments_are_scored_against_songs():
    silence = np.zeros(20 * RATE_HZ, np.float32)
    recording = SyntheticRecording(silence, RATE_HZ, ((1.0, 3.0), (10.0, 12.0)), "none", 0.0)
    found = score(recording, [2.0, 3.5, 15.0])  # half of the first song, nothing, nothing
    assert found.found_share == pytest.approx(0.25)
    assert found.empty_share == pytest.approx(2 / 3)
    assert found.cover == pytest.approx((3.5 + 2) / 4)
    assert (found + found).cover == pytest.approx(found.cover)
    assert score(recording, []).empty_share == 0
    assert grid(silence)[-1] == 18.0
    assert score(recording, grid(silence)).found_share == 1


def test_median_clipping_finds_a_tone_in_noise():
    noise = 0.01 * np.random.default_rng(0).standard_normal(20 * RATE_HZ).astype(np.float32)
    times_s = np.arange(len(noise)) / RATE_HZ
    tone = (0.1 * np.sin(2 * np.pi * 4000 * times_s) * (abs(times_s - 10) < 0.2)).astype(np.float32)
    assert median_clipping(noise) == []
    assert median_clipping(noise + tone) == [pytest.approx(10 - 1.0, abs=0.1)]


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["png", "--thorough"], "--thorough is for `birdsong bench feed` only"),
        (["png", "--large", "9"], "--large is for `birdsong bench feed` only"),
        (["train", "--plot", "f.png"], "--plot is for `birdsong bench feed` only"),
        (["feed", "--only-packed"], "--only-packed is for `birdsong bench train` only"),
        (
            ["activity", "--images", "9"],
            "--images is for `birdsong bench feed` and `birdsong bench train` only",
        ),
        (["feed", "--audio", "."], "--audio is not for `birdsong bench feed`"),
        (["feed", "--long-hours", "2"], "--long-hours is for `birdsong bench classify` only"),
        (["classify", "--large", "9"], "--large is for `birdsong bench feed` only"),
        (["classify", "--long-hours", "0"], "--long-hours must be greater than 0, got 0"),
        (["train", "--audio", "."], "--audio is not for `birdsong bench train`"),
        (["train", "--seconds", "0"], "--seconds must be greater than 0, got 0"),
        (["train", "--n-images", "9"], "a batch of 64 images at least, got 9"),
        (["feed", "--n-images", "0"], "--n-images must be at least 1, got 0"),
    ],
)
def test_options_of_another_benchmark_or_out_of_range(capsys, words, message):
    assert main(["bench", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_old_name_of_the_number_of_images_is_read_with_a_note(capsys):
    assert main(["bench", "feed", "--pictures", "0"]) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note == "note: --pictures is called --n-images now"
    assert "--n-images must be at least 1, got 0" in error


@pytest.mark.slow
def test_feed(tmp_path, monkeypatch, capsys):
    words = ["bench", "feed", "--rounds", "1", "--n-images", "600", "--large", "9000"]
    words += ["--json", str(tmp_path / "f.json"), "--plot", str(tmp_path / "f.png")]
    assert main([*words, "--scratch", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["images"] == 600
    assert len(figures["ways"]) == 7
    for way in figures["ways"].values():
        assert way["bytes_per_image"] >= 12_800
        assert {job["augmented"] for job in way["jobs"]} == {True, False}
        assert {job["cold"] for job in way["jobs"]} == {True, False}
        assert all(rate > 0 for job in way["jobs"] for rate in job["images_per_s"])
    assert figures["large"]["images"] == 9000
    assert 0 < figures["large"]["anonymous_bytes"] < 1e9
    assert (tmp_path / "f.png").stat().st_size > 10_000
    assert "of anonymous memory" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.json", "f.png"]


@pytest.mark.slow
def test_train(tmp_path, capsys):
    words = ["bench", "train", "--rounds", "2", "--seconds", "0.1", "--n-images", "256"]
    words += ["--json", str(tmp_path / "f.json"), "--scratch", str(tmp_path)]
    assert main(words) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert len(figures["ways"]) == 14
    for way in figures["ways"]:
        assert len(way["images_per_s"]) == 2
        assert min(way["images_per_s"]) > 0
        assert way["memory_mb"] > 100
    assert len(figures["packed_shares"]) == 2
    out = capsys.readouterr().out
    assert "VGG-16" in out
    assert "from the packed copy, fully augmented: " in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.json"]


def test_made_images_are_all_different_and_know_their_numbers(tmp_path):
    images = np.concatenate(list(feed_images.random_images(9000)))
    np.testing.assert_array_equal(feed_images.numbers_of(images), np.arange(9000))
    assert (images[0] != images[4096]).mean() > 0.9
    feed_images.write_large(tmp_path / "large", 9000)
    figures = run_epoch(tmp_path / "large")
    assert figures["anonymous_bytes"] > 0


def test_an_mp3_is_repeated(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((96_000, 2))
    once = tmp_path / "once.mp3"
    soundfile.write(once, noise, 48_000, bitrate_mode="CONSTANT", compression_level=0.5)
    (tmp_path / "often.mp3").write_bytes(b"".join(repeat_mp3(once.read_bytes(), 5)))
    with AudioReader(tmp_path / "often.mp3", RATE_HZ) as reader:
        n_samples = sum(map(len, reader.blocks()))
    assert n_samples / RATE_HZ == pytest.approx(10, rel=0.05)
    soundfile.write(once, noise, 44_100)
    with pytest.raises(ValueError, match="frames of equal length"):
        next(repeat_mp3(once.read_bytes(), 2))


@pytest.mark.slow
def test_classify(tmp_path, capsys):
    words = ["bench", "classify", "--rounds", "1", "--long-hours", "0.05"]
    assert main([*words, "--json", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["files"] % 24 == 0
    assert figures["seconds"].keys() >= {"decoding alone", "birdsong"}
    (steps,) = figures["steps_s"]
    assert sum(steps.values()) == pytest.approx(figures["seconds"]["birdsong"][0])
    assert min(steps.values()) > 0, "each is measured where it is done"
    assert len(figures["cold_start_s"]) == 1
    assert figures["long"]["hours"] == 0.05
    assert figures["long"]["peak_bytes"] > 1e7
    assert "from a cold start to the answer" in capsys.readouterr().out


def test_classify_needs_recordings(tmp_path):
    with pytest.raises(SystemExit, match="expected a folder of recordings, found none"):
        main(["bench", "classify", "--audio", str(tmp_path)])
