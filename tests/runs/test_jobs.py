"""Recordings side by side: whatever breaks, each has a result."""

import re

import pytest

from birdsong.errors import ConfigError
from birdsong.recordings.recording import Recording
from birdsong.runs.isolation import Deadline
from birdsong.runs.jobs import BATCH_BYTES, BATCH_RECORDINGS, JobsConfig, _batches, run_jobs
from birdsong.runs.work_item import WorkItem
from tests.runs.counting import count_bytes, failed, items_of


def rows_of(work, *, n_jobs=2, backend="loky", timeout_s=60.0):
    """Do the work, see that nothing is lost or done twice, and return the row of each name."""
    config = JobsConfig(n_jobs=n_jobs, backend=backend, timeout_s=timeout_s)
    rows = list(run_jobs(list(work.values()), count_bytes, config, on_broken=failed))
    assert sorted(row.recording for row in rows) == sorted(work)
    return {row.recording: row for row in rows}


@pytest.mark.parametrize(("n_jobs", "backend"), [(1, "loky"), (2, "loky"), (3, "threading")])
def test_each_item_has_its_result(tmp_path, n_jobs, backend):
    work = items_of(tmp_path / "audio", [f"{'x' * i}.wav" for i in range(1, 30)])
    rows = rows_of(work, n_jobs=n_jobs, backend=backend)
    assert {row.recording: row.n_bytes for row in rows.values()} == {n: len(n) for n in work}


def test_a_file_that_is_gone_is_a_result(tmp_path):
    work = items_of(tmp_path / "audio", ["a.wav"])
    work["b.wav"] = WorkItem(Recording(file="b.wav"), None, "is not there", "")
    rows = rows_of(work, n_jobs=1)
    assert (rows["a.wav"].status, rows["b.wav"].reason) == ("ok", "b.wav: is not there")


def test_every_item_has_a_result_though_workers_are_killed(tmp_path):
    names = [*(f"r{i}" for i in range(20)), "crash", *(f"s{i}" for i in range(20)), "greedy"]
    rows = rows_of(items_of(tmp_path / "audio", [f"{name}.wav" for name in names]))
    for name, number in (("crash.wav", 11), ("greedy.wav", 9)):
        assert rows[name].status == "failed"
        assert f"{name}: its process was killed by signal {number} (" in rows[name].reason
    assert {name for name in rows if rows[name].status == "failed"} == {"crash.wav", "greedy.wav"}
    assert rows["s7.wav"].n_bytes == len("s7.wav")


def test_what_takes_too_long_has_failed_and_what_asked_for_more_has_not(tmp_path):
    rows = rows_of(items_of(tmp_path / "audio", ["r.wav", "sleep.wav", "long.wav"]), timeout_s=0.5)
    assert rows["sleep.wav"].reason == "sleep.wav: took too long and was stopped"
    assert (rows["r.wav"].status, rows["long.wav"].status) == ("ok", "ok")


def test_no_limit_in_time(tmp_path):
    with Deadline(float("inf")) as deadline:
        deadline.extend(60.0)
    work = items_of(tmp_path / "audio", [f"{i}.wav" for i in range(BATCH_RECORDINGS + 1)])
    assert {row.status for row in rows_of(work, timeout_s=float("inf")).values()} == {"ok"}


def test_batches_hold_few_recordings_and_few_bytes():
    def sizes(*n_bytes):
        todo = [
            WorkItem(Recording(file=f"{i}.wav"), None, "", "", n) for i, n in enumerate(n_bytes)
        ]
        return [[item.n_bytes for item in batch] for batch in _batches(todo)]

    assert sizes() == []
    assert [len(b) for b in sizes(*[1] * 20)] == [BATCH_RECORDINGS, BATCH_RECORDINGS, 4]
    large = BATCH_BYTES + 1
    assert sizes(1, large, 1, 2, large) == [[1], [large], [1, 2], [large]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_jobs": 0}, "n_jobs must be at least 1, or -1 for all cores, got 0"),
        ({"timeout_s": 0.0}, "timeout_s must be greater than 0, got 0.0"),
        ({"timeout_s": float("nan")}, "timeout_s must be greater than 0, got nan"),
    ],
)
def test_a_config_out_of_range_is_named(changes, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        JobsConfig(**({"n_jobs": 1, "backend": "loky", "timeout_s": 1.0} | changes))
