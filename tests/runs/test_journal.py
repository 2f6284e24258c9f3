"""The journal: what is done stays done, what changed is done anew, a line cut off counts not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from birdsong.errors import DatasetError
from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.recording import Recording
from birdsong.runs.jobs import JobsConfig, run_jobs
from birdsong.runs.journal import JOURNAL, Journal
from birdsong.runs.work_item import WorkItem
from tests.runs.counting import CODEC, Counted, count_bytes, failed, is_valid, items_of

NAMES = ["a.wav", "bb.wav", "ccc.wav", "dddd.wav"]
SERIAL = JobsConfig(n_jobs=1, backend="loky", timeout_s=60.0)


def opened(folder, work, valid=is_valid):
    return Journal(folder / JOURNAL, work, CODEC, valid)


def finish(folder, work, *, after=None):
    """Do what is not done, or stop `after` some; return the names that were worked on."""
    names = []
    with opened(folder, work) as journal:
        for row in run_jobs(journal.todo(), count_bytes, SERIAL, on_broken=failed):
            journal.add(row)
            names.append(row.recording)
            if len(names) == after:
                break
    return names


def test_a_run_that_was_stopped_goes_on(tmp_path):
    work = items_of(tmp_path / "audio", NAMES)
    assert finish(tmp_path, work, after=2) == NAMES[:2]
    assert finish(tmp_path, work) == NAMES[2:]
    assert finish(tmp_path, work) == []
    with opened(tmp_path, work) as journal:
        assert [row.n_bytes for row in journal.done()] == [5, 6, 7, 8]
        assert [row.n_bytes for row in journal.results(NAMES[::-2])] == [8, 6]


def test_the_line_is_the_stamp_and_the_result(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.wav").write_bytes(b"12345")
    os.utime(tmp_path / "audio" / "a.wav", ns=(1_700_000_000_000_000_000,) * 2)
    work = items_of(tmp_path / "audio", ["a.wav"])
    finish(tmp_path, work)
    assert (tmp_path / JOURNAL).read_bytes() == (
        b'{"stamp": "e966bfb2a6db228f0993b252b9eeca99", "recording": "a.wav", "status": "ok", '
        b'"reason": "", "duration_s": 0.0, "n_bytes": 5}\n'
    )


@pytest.mark.parametrize("n_lost", [1, 2, 20, 90])
def test_a_line_that_was_cut_off_is_done_again(tmp_path, n_lost):
    work = items_of(tmp_path / "audio", NAMES)
    finish(tmp_path, work, after=3)
    lines = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(lines[:-n_lost])
    redone = finish(tmp_path, work)
    # Without its end of line alone, a line is whole.
    assert redone == (["dddd.wav"] if n_lost == 1 else ["ccc.wav", "dddd.wav"])
    assert finish(tmp_path, work) == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"7",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"stamp": "x"}',
        b'{"recording": "a.wav"}',
    ],
)
def test_a_line_of_something_else_is_passed_over(tmp_path, line):
    (tmp_path / JOURNAL).write_bytes(line + b"\n")
    work = items_of(tmp_path / "audio", NAMES)
    assert finish(tmp_path, work) == NAMES
    assert finish(tmp_path, work) == []


def change_the_file(folder, work):
    (folder / "bb.wav").write_bytes(b"other bytes")
    return items_of(folder, NAMES)


def change_the_settings(folder, work):
    return items_of(folder, NAMES, {"unit": "bit"})


def rename_the_bird(folder, work):
    bird = Recording(file="bb.wav", genus="Turdus", species="merula")
    return {**work, "bb.wav": WorkItem.of(bird, AudioFolders([folder]), {"unit": "byte"})}


def lose_the_file(folder, work):
    (folder / "bb.wav").unlink()
    audio = AudioFolders([folder])
    return {name: WorkItem.of(Recording(file=name), audio, {"unit": "byte"}) for name in work}


def drop_one(folder, work):
    return {name: item for name, item in work.items() if name != "bb.wav"}


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        (change_the_file, ["bb.wav"]),
        (change_the_settings, NAMES),
        (rename_the_bird, ["bb.wav"]),
        (lose_the_file, ["bb.wav"]),
        (drop_one, []),
    ],
)
def test_what_changed_is_done_anew_and_only_that(tmp_path, change, redone):
    work = items_of(tmp_path / "audio", NAMES)
    finish(tmp_path, work)
    changed = change(tmp_path / "audio", work)
    assert finish(tmp_path, changed) == redone


def test_what_failed_or_is_no_longer_valid_is_done_anew(tmp_path):
    work = items_of(tmp_path / "audio", NAMES)
    with opened(tmp_path, work) as journal:
        journal.add(failed(work["a.wav"], "a drive was away"))
        journal.add(count_bytes(work["bb.wav"], None))
        assert len(journal) == 2
    with opened(tmp_path, work) as journal:
        assert [item.name for item in journal.todo()] == ["a.wav", "ccc.wav", "dddd.wav"]
    with opened(tmp_path, work, valid=lambda row: False) as journal:
        assert [item.name for item in journal.todo()] == NAMES


def test_the_last_line_of_a_recording_counts(tmp_path):
    work = items_of(tmp_path / "audio", NAMES)
    with opened(tmp_path, work) as journal:
        journal.add(Counted("a.wav", "ok", "", 0.0, 1))
        journal.add(Counted("a.wav", "ok", "", 0.0, 2))
        assert [row.n_bytes for row in journal.done()] == [2]
    with opened(tmp_path, work) as journal:
        assert [row.n_bytes for row in journal.done()] == [2]


def test_rewritten_it_holds_what_was_asked_for_in_that_order(tmp_path):
    work = items_of(tmp_path / "audio", NAMES)
    finish(tmp_path, work)
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    with opened(tmp_path, work) as journal:
        journal.rewrite(["dddd.wav", "a.wav"])
        assert (tmp_path / JOURNAL).read_bytes() == lines[3] + lines[0]
        assert [row.recording for row in journal.done()] == ["a.wav", "dddd.wav"]
        journal.add(count_bytes(work["bb.wav"], None))
    assert (tmp_path / JOURNAL).read_bytes() == lines[3] + lines[0] + lines[1]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(DatasetError, match=r"absent: cannot be written .* the same command"):
        opened(tmp_path / "absent", {})


KILLED = """
import os, sys
from pathlib import Path
from tests.runs.counting import count_bytes, failed, items_of
from tests.runs.test_journal import NAMES, opened
from birdsong.runs.jobs import JobsConfig, run_jobs
folder = Path(sys.argv[1])
config = JobsConfig(n_jobs=2, backend="loky", timeout_s=60.0)
with opened(folder, items_of(folder / "audio", NAMES)) as journal:
    for row in run_jobs(journal.todo(), count_bytes, config, on_broken=failed):
        journal.add(row)
        os.killpg(0, 9)
"""


def test_what_was_added_outlives_a_kill(tmp_path):
    work = items_of(tmp_path / "audio", NAMES)
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    root = Path(__file__).parents[2]  # where the package `tests` lies
    killed = subprocess.run(command, cwd=root, check=False, start_new_session=True)
    assert killed.returncode == -signal.SIGKILL
    assert finish(tmp_path, work) == NAMES[1:]
