"""A row a second of what a training asks of the machine."""

import csv
import time

import numpy as np
import pytest
from PIL import Image

from birdsong.learning.training import system_log
from birdsong.learning.training.system_log import (
    COLUMNS,
    SYSTEM_LOG,
    SYSTEM_PLOT,
    SystemLog,
    memory_mb,
    read_system_log,
)


def logged(folder, seconds: float = 0.25):
    with SystemLog(folder, interval_s=0.05):
        time.sleep(seconds)
    return read_system_log(folder / SYSTEM_LOG)


def test_rows_and_a_plot(tmp_path):
    rows = logged(tmp_path)
    assert len(rows) >= 2
    with (tmp_path / SYSTEM_LOG).open(newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    times = [row["time_s"] for row in rows]
    assert times == sorted(times)
    for row in rows:
        assert 0 <= row["cpu_percent"] <= 100
        assert row["memory_mb"] == pytest.approx(memory_mb(), rel=0.5)
        assert row["free_memory_mb"] > 0
        assert row["disk_read_mb_s"] >= 0
    with Image.open(tmp_path / SYSTEM_PLOT) as plot:
        assert np.asarray(plot.convert("L")).std() > 1


def test_a_run_that_goes_on_adds_to_it(tmp_path):
    first = logged(tmp_path)
    with (tmp_path / SYSTEM_LOG).open("a") as file:
        file.write("9.9,12")  # cut off by a kill
    both = logged(tmp_path)
    assert both[: len(first)] == first
    assert len(both) > len(first)
    times = [row["time_s"] for row in both]
    assert times == sorted(times)


def test_nothing_is_left_running_and_a_lost_folder_stops_nothing(tmp_path):
    import threading

    logged(tmp_path)
    assert "birdsong-system-log" not in {thread.name for thread in threading.enumerate()}
    assert logged(tmp_path / "absent") == []


def test_gpus_are_told_where_there_are_some(tmp_path, monkeypatch):
    monkeypatch.setattr(system_log, "gpu_reader", lambda: lambda: [40.0, 512.0])
    rows = logged(tmp_path)
    assert {row["gpu_percent"] for row in rows} == {40.0}
    assert {row["gpu_memory_mb"] for row in rows} == {512.0}


@pytest.mark.parametrize(
    ("values", "growth"),
    [
        ([1.0, 2, 3, 4], 0),  # three steps
        ([1.0, 2, 3, 4, 5.5], 4.5),
        ([9.0, 1, 2, 3, 4, 5], 4),
        ([1.0, 2, 3, 3, 5], 0),
        ([], 0),
    ],
)
def test_memory_that_grows_from_epoch_to_epoch(values, growth):
    pytest.importorskip("keras", reason="epochs are Keras's")
    from birdsong.learning.training.epoch_metrics import steady_growth

    assert steady_growth(values) == growth
