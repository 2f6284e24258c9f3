"""Batches side by side: whatever breaks, every recording has a result."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil

from birdsong.images.tables import read_receipt
from birdsong.preprocessing.isolation import Deadline
from birdsong.preprocessing.journal import WorkItem
from birdsong.preprocessing.recording_work import PreprocessConfig
from birdsong.preprocessing.workers import BATCH_BYTES, BATCH_RECORDINGS, Work, _batches, work_off
from birdsong.recordings.manifest import write_manifest
from birdsong.recordings.recording import Recording
from birdsong.sound.filters import mel_filters

CONFIG = PreprocessConfig()


@dataclass(frozen=True, slots=True)
class Trapped(Work):
    """Some files are traps: what a decoder does with a file that was made to harm it."""

    def one(self, item, *, limited=True):
        trap = item.recording.file.partition(".")[0]
        if trap == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if trap == "greedy":  # as the system does where memory runs out
            os.kill(os.getpid(), signal.SIGKILL)
        if trap == "sleep":
            with Deadline(self.timeout_s):
                time.sleep(60)
        return Work.one(self, item, limited=limited)


def items(*names):
    """Recordings that are not there, and those that are traps."""
    return [
        WorkItem(Recording(file=f"{name}.wav", genus="Fictus"), None, f"{name} is not there", "", 1)
        for name in names
    ]


def receipts_of(todo, work):
    """Work off, see that nothing is lost, and return the row of the receipt of each name."""
    rows = [result.receipt for result in work_off(todo, work, n_jobs=2, backend="loky")]
    assert sorted(row.recording for row in rows) == sorted(item.recording.name for item in todo)
    return {row.recording: row for row in rows}


def test_no_limit_in_time(tmp_path):
    work = Work(tmp_path, CONFIG, mel_filters(CONFIG.spectrogram), float("inf"))
    with Deadline(float("inf")) as deadline:
        deadline.extend(60.0)
    results = list(work_off(items("a", "b"), work, n_jobs=1, backend="loky"))
    assert [row.receipt.reason for row in results] == ["a is not there", "b is not there"]


def test_every_recording_has_a_result_though_workers_crash(tmp_path):
    work = Trapped(tmp_path, CONFIG, mel_filters(CONFIG.spectrogram), 60.0)
    names = [*(f"r{i}" for i in range(20)), "crash", *(f"s{i}" for i in range(20)), "greedy"]
    results = receipts_of(items(*names), work)
    for name, number in (("crash.wav", 11), ("greedy.wav", 9)):
        assert results[name].status == "failed"
        assert f"{name}: its process was killed by signal {number}" in results[name].reason
    assert results["s7.wav"].reason == "s7 is not there"


def test_batches_hold_few_recordings_and_few_bytes():
    def sizes(*n_bytes):
        todo = [
            WorkItem(Recording(file=f"{i}.wav", genus="G"), None, "", "", n)
            for i, n in enumerate(n_bytes)
        ]
        return [[item.n_bytes for item in batch] for batch in _batches(todo)]

    assert sizes() == []
    assert [len(b) for b in sizes(*[1] * 20)] == [BATCH_RECORDINGS, BATCH_RECORDINGS, 4]
    large = BATCH_BYTES + 1
    assert sizes(1, large, 1, 2, large) == [[1], [large], [1, 2], [large]]


def test_a_recording_that_takes_too_long_has_failed(tmp_path):
    work = Trapped(tmp_path, CONFIG, mel_filters(CONFIG.spectrogram), 0.5)
    todo = items("r0", "sleep", "r1")
    results = receipts_of(todo, work)
    assert results["sleep.wav"].status == "failed"
    assert "took too long and was stopped" in results["sleep.wav"].reason
    assert results["r1.wav"].reason == "r1 is not there"


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
