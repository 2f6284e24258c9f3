"""Clips that FLAC cannot store are stored as WAV or are failed rows of the receipt."""

import io

import numpy as np
import pytest
import soundfile

from birdsong.pipelines.download import make_postprocess
from birdsong.recordings.connection import Connection
from birdsong.recordings.downloads import download, missing_recordings
from birdsong.recordings.recording import Recording
from tests.recordings.served_catalogue import Catalogue, served


def content(rate_hz, subtype="PCM_16", gain=0.5, form="WAV"):
    sound = io.BytesIO()
    samples = gain * np.sin(np.arange(rate_hz) / 5)
    soundfile.write(sound, samples, rate_hz, subtype, format=form)
    return sound.getvalue()


ORDINARY, FAST, ODD, FLOAT = 1, 2, 3, 4
SOUNDS = {
    ORDINARY: content(48_000),
    FAST: content(768_000),
    ODD: content(384_002, "PCM_24"),
    FLOAT: content(48_000, "FLOAT", gain=3),
}


def stretch_of(number, file=""):
    return Recording(
        xc_id=f"XC{number}", file=file, genus="Turdus", clip_start_s=0.25, clip_duration_s=0.5
    )


def rows_of(recordings, folder):
    """Rows of the receipt by number, and the number of requests for each."""
    with (
        served(Catalogue(sounds=SOUNDS)) as catalogue,
        Connection(requests_per_s=1e6, sleep=lambda _: None) as connection,
    ):
        keep = make_postprocess(whole=False)
        got = list(download(recordings, folder, connection, keep, address=catalogue.address))
        asked = {number: catalogue.asked[f"/{number}/download"] for number in SOUNDS}
    by_name = {each.recording: each for each in got}
    return [by_name[each.name] for each in recordings], asked


def test_every_clip_is_stored(tmp_path):
    wanted = [stretch_of(number) for number in SOUNDS]
    rows, _ = rows_of(wanted, tmp_path)
    assert [(row.status, row.file) for row in rows] == [
        ("ok", "XC1.flac"), ("ok", "XC2.wav"), ("ok", "XC3.wav"), ("ok", "XC4.wav"),
    ]  # fmt: skip
    for number, row in zip(SOUNDS, rows, strict=True):
        whole, rate_hz = soundfile.read(io.BytesIO(SOUNDS[number]))
        part, part_rate_hz = soundfile.read(tmp_path / row.file)
        assert (part_rate_hz, row.duration_s) == (rate_hz, pytest.approx(0.5))
        first = round(0.25 * rate_hz)
        np.testing.assert_array_equal(part, whole[first : first + len(part)])
    assert missing_recordings(wanted, tmp_path) == []


def test_a_name_that_does_not_fit_is_one_failed_row(tmp_path):
    recordings = [stretch_of(number, f"bird{number}.flac") for number in SOUNDS]
    rows, asked = rows_of(recordings, tmp_path)
    assert [row.status for row in rows] == ["ok", "failed", "failed", "failed"]
    assert rows[1].reason == (
        "'file' is 'bird2.flac', but the clip cannot be stored as FLAC: FLAC does not support "
        "768000 samples a second; leave 'file' empty, or let it end in .wav"
    )
    assert "384002 samples a second" in rows[2].reason
    assert "its samples are floating point" in rows[3].reason
    assert set(asked.values()) == {1}, "what does not fit is not fetched again"
    assert {path.name for path in tmp_path.rglob("*.*")} == {"bird1.flac"}


def test_a_name_may_ask_for_wav(tmp_path):
    rows, _ = rows_of([stretch_of(number, f"bird{number}.wav") for number in SOUNDS], tmp_path)
    assert [row.status for row in rows] == ["ok"] * 4
    subtypes = [soundfile.info(tmp_path / row.file).subtype for row in rows]
    assert subtypes == ["PCM_16", "PCM_16", "PCM_24", "FLOAT"]


def test_an_error_of_the_library_is_one_failed_row(tmp_path, monkeypatch):
    class NoFloat(soundfile.SoundFile):
        def write(self, samples):
            if self.subtype == "FLOAT":
                raise soundfile.LibsndfileError(2)
            super().write(samples)

    monkeypatch.setattr("birdsong.sound.audio_writer.soundfile.SoundFile", NoFloat)
    rows, asked = rows_of([stretch_of(number) for number in SOUNDS], tmp_path)
    assert [row.status for row in rows] == ["ok", "ok", "ok", "failed"]
    assert rows[3].reason.startswith("cannot be written as WAV (System error); check that the")
    assert asked[FLOAT] == 1
    assert {path.name for path in tmp_path.rglob("*.*")} == {"XC1.flac", "XC2.wav", "XC3.wav"}
