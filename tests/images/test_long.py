"""Ten hours at once: memory grows with neither the length of a recording nor its format."""

import subprocess
import sys

import psutil
import pytest
import soundfile

from benchmarks.classify import lengthened
from birdsong.images.store import open_store
from birdsong.images.tables import read_receipt
from birdsong.recordings.manifest import Recording, write_manifest
from tests.conftest import RATE_HZ, voice

pytestmark = pytest.mark.slow

HOURS = 10
MOST_BYTES = 600_000_000


def most_memory_of_a_process(command) -> int:
    """Run a command to its end; return the most bytes that it or a process of it held at once."""
    running = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    most = 0
    while running.poll() is None:
        try:
            for process in (running, *running.children(recursive=True)):
                most = max(most, process.memory_info().rss)
        except psutil.NoSuchProcess:
            pass
        try:
            running.wait(0.5)
        except psutil.TimeoutExpired:
            continue
    assert running.returncode == 0, running.stderr.read()
    return most


def write_wav(path):
    minute = voice("rising", 60.0, 1)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for _ in range(60 * HOURS):
            file.write(minute)


def write_mp3(path):
    encoding = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
    soundfile.write(path, voice("rising", 60.0, 1), RATE_HZ, **encoding)
    minute = path.read_bytes()
    with path.open("wb") as file:
        file.writelines(lengthened(minute, 60 * HOURS))
    assert soundfile.info(path).duration == pytest.approx(3600 * HOURS, rel=0.001)


@pytest.mark.parametrize("write", [write_wav, write_mp3])
def test_ten_hours(write, tmp_path):
    name = write.__name__.replace("write_", "long.")
    write(tmp_path / name)
    write_manifest(tmp_path / "manifest.csv", [Recording(file=name, genus="Acutus")])
    command = [sys.executable, "-m", "birdsong.pipelines.command", "preprocess"]
    command += ["--manifest", str(tmp_path / "manifest.csv"), "--audio", str(tmp_path)]
    command += ["--out", str(tmp_path / "images"), "--jobs", "2"]
    assert most_memory_of_a_process(command) < MOST_BYTES
    (row,) = read_receipt(tmp_path / "images")
    assert row.status == "ok"
    assert row.duration_s == pytest.approx(3600 * HOURS, rel=0.001)
    starts_s = [row.start_s for row in open_store(tmp_path / "images").rows if row.kind == "bird"]
    assert starts_s[-1] > 3600 * HOURS - 10
    assert len(starts_s) > 3600 * HOURS / 4  # a song of three seconds in every four
