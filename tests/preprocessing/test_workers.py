"""Recordings side by side: whatever breaks, every one has a row, and no process is left."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import soundfile

from birdsong.images.tables import read_receipt
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig, preprocess_recording
from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.manifest import write_manifest
from birdsong.recordings.recording import Recording
from birdsong.runs.jobs import JobsConfig
from birdsong.runs.work_item import WorkItem
from birdsong.sound.mel_filters import mel_filters


def trapped(item, extend, **rest):
    """Make images; some files are traps: what a decoder does with one made to harm it."""
    trap = item.name.partition(".")[0]
    if trap == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if trap == "sleep":
        time.sleep(60)
    return preprocess_recording(item, extend, **rest)


def test_every_recording_has_a_row_though_workers_crash_or_hang(voices, tmp_path, monkeypatch):
    folder, recordings = voices
    (tmp_path / "traps").mkdir()
    traps = [Recording(file=f"{name}.wav", genus="Fictus") for name in ("crash", "sleep")]
    for trap in traps:
        (tmp_path / "traps" / trap.file).write_bytes(b"bytes")
    asked = [recordings[0], traps[0], recordings[1], traps[1], recordings[2]]
    monkeypatch.setattr("birdsong.preprocessing.preprocess.preprocess_recording", trapped)
    audio, out = [folder, tmp_path / "traps"], tmp_path / "images"
    rows = preprocess(asked, audio, out, jobs=JobsConfig(n_jobs=2, timeout_s=3.0))
    assert [row.recording for row in rows] == [each.name for each in asked]
    assert [row.status for row in rows] == ["ok", "failed", "ok", "failed", "ok"]
    assert rows[1].reason.startswith("crash.wav: its process was killed by signal 11 (")
    assert rows[3].reason == "sleep.wav: took too long and was stopped"


@pytest.mark.parametrize("seconds", [2.0, 30.0])
def test_a_recording_may_take_a_tenth_of_its_duration_more(tmp_path, seconds):
    soundfile.write(tmp_path / "a.wav", np.zeros(round(seconds * 24_000)), 24_000)
    config = PreprocessConfig()
    more_s = []
    preprocess_recording(
        WorkItem.of(Recording(file="a.wav"), AudioFolders([tmp_path]), {}),
        more_s.append,
        out_dir=tmp_path,
        config=config,
        filters=mel_filters(config.spectrogram),
    )
    assert more_s == [pytest.approx(seconds / 10)]


def test_interrupted_it_leaves_no_process_and_goes_on_later(voices, tmp_path):
    folder, rows = voices
    many = [
        Recording(file=f"{i}_{row.file}", genus=row.genus, species=row.species)
        for i in range(40)
        for row in rows
    ]
    (tmp_path / "audio").mkdir()
    for row in many:
        os.link(folder / row.file.partition("_")[2], tmp_path / "audio" / row.file)
    write_manifest(tmp_path / "manifest.csv", many)
    out = tmp_path / "images"
    asked = [
        *(sys.executable, "-m", "birdsong.pipelines.command", "preprocess", "--jobs", "2"),
        *("--manifest", str(tmp_path / "manifest.csv"), "--audio", str(tmp_path / "audio")),
        *("--out", str(out)),
    ]
    running = subprocess.Popen(
        asked, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # A shell's background jobs ignore Ctrl-C, and so would this one, started by tests in one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    journal = out / ".journal.jsonl"
    while not (journal.exists() and journal.stat().st_size) and running.poll() is None:
        time.sleep(0.05)
    below = psutil.Process(running.pid).children(recursive=True)
    assert below
    os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C does: every process of the terminal's group
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "birdsong preprocess: interrupted" in said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(below, timeout=10)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
    assert not (out / "receipt.csv").exists()
    assert subprocess.run(asked, check=False, capture_output=True).returncode == 0
    assert len(read_receipt(out)) == len(many)
