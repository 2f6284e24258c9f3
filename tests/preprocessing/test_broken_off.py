"""Killed anywhere, or the disk full on the way: started again, it ends as one undisturbed run."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

from birdsong.images.store import open_store
from birdsong.images.tables import INDEX
from birdsong.pipelines.command import main
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.manifest import write_manifest
from tests.images.folder_contents import contents


@pytest.fixture
def asked(voices, tmp_path):
    """The words of a command that preprocesses the voices, but for --out."""
    folder, recordings = voices
    write_manifest(tmp_path / "manifest.csv", recordings)
    return ["preprocess", "--manifest", str(tmp_path / "manifest.csv"), "--audio", str(folder)]


def full_then_mended(asked, out, capsys, mend):
    """Run against the full disk, see that nothing passes for whole; mend it, and run again."""
    assert main([*asked, "--out", str(out), "--jobs", "1"]) == 2
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "run the same command again to resume" in said
    assert not (out / INDEX).exists()
    mend()
    assert main([*asked, "--out", str(out), "--jobs", "1"]) == 0


def test_a_file_that_may_not_grow(asked, images, tmp_path, capsys):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        full_then_mended(
            asked,
            tmp_path / "images",
            capsys,
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)),
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path / "images") == contents(images)


def test_a_disk_that_fills_up(asked, images, tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        larger = ["mount", "-o", "remount,size=40m", str(disk)]
        full_then_mended(asked, disk / "images", capsys, lambda: subprocess.run(larger, check=True))
        assert contents(disk / "images") == contents(images)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_may_only_be_read(asked, images, tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert main([*asked, "--out", str(disk / "images")]) == 2
        assert "images: cannot be written into (Read-only file system)" in capsys.readouterr().err
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert main([*asked, "--out", str(disk / "images")]) == 0
        assert contents(disk / "images") == contents(images)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert main(["pack", str(disk / "images")]) == 2
        assert main(["train", str(images), "--out", str(disk / "run")]) == 2
        assert capsys.readouterr().err.count("cannot be written into") == 2
    finally:
        subprocess.run(["umount", disk], check=True)


def test_files_that_vanish_on_the_way(voices, tmp_path):
    audio, recordings = voices
    copy = shutil.copytree(audio, tmp_path / "audio")

    def vanish(_):
        for recording in recordings[::3]:
            (copy / recording.file).unlink()

    receipt = preprocess(recordings, copy, tmp_path / "images", on_start=vanish)
    assert [row.recording for row in receipt] == [each.name for each in recordings]
    for number, row in enumerate(receipt):
        assert row.status == ("failed" if number % 3 == 0 else "ok")
        assert "no such file" in row.reason.lower() or number % 3
    shutil.copytree(audio, copy, dirs_exist_ok=True)
    again = preprocess(recordings, copy, tmp_path / "images")
    assert {row.status for row in again} == {"ok"}


@pytest.mark.slow
def test_killed_at_twenty_moments(asked, images, tmp_path):
    out = tmp_path / "images"
    command = [sys.executable, "-m", "birdsong.pipelines.command", *asked, "--out"]
    begun_s = time.monotonic()
    subprocess.run([*command, str(tmp_path / "undisturbed")], check=True, capture_output=True)
    whole_s = time.monotonic() - begun_s
    moments = random.Random(20)
    n_killed = 0
    for _ in range(20):
        running = subprocess.Popen(
            [*command, str(out)], start_new_session=True, stderr=subprocess.DEVNULL
        )
        try:
            running.wait(moments.uniform(0.2, 1.0) * whole_s)
        except subprocess.TimeoutExpired:
            n_killed += 1
        os.killpg(running.pid, signal.SIGKILL) if running.returncode is None else None
        running.wait()
    assert n_killed > 5
    subprocess.run([*command, str(out)], check=True, capture_output=True)
    assert contents(out) == contents(images) == contents(tmp_path / "undisturbed")
    assert len(open_store(out).rows) == len(open_store(images).rows)


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_little_memory(voices, tmp_path):
    """A child with a tenth of the rows and one with all, on recordings that are not there."""
    script = """
import resource, sys
from pathlib import Path
from birdsong.preprocessing.preprocess import preprocess
from birdsong.recordings.manifest import read_manifest
preprocess(read_manifest(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    folder, recordings = voices
    peaks_kb = []
    for n in (10_000, 100_000):
        manifest = tmp_path / f"{n}.csv"
        rows = (f"XC{i},Turdus,merula,Turdidae,Passeriformes,Common Blackbird" for i in range(n))
        head = "xc_id,genus,species,family,order,english_name"
        manifest.write_text("\n".join([head, *rows]) + "\n")
        done = subprocess.run(
            [sys.executable, "-c", script, str(manifest), str(folder), str(tmp_path / str(n))],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        peaks_kb.append(int(done.stdout))
    per_row_kb = (peaks_kb[1] - peaks_kb[0]) / 90_000
    assert per_row_kb < 2, f"{peaks_kb} kB"
    assert preprocess(recordings[:1], folder, tmp_path / "one")
