"""Ten hours at once, and a day: memory grows neither with the length nor with the format."""

import subprocess
import sys

import psutil
import pytest
import soundfile

from benchmarks.classify import repeat_mp3
from birdsong.images.store import open_store
from birdsong.images.tables import read_receipt
from birdsong.recordings.manifest import write_manifest
from birdsong.recordings.recording import Recording
from tests.conftest import RATE_HZ, voice

pytestmark = pytest.mark.slow

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


def write_minutes(path, hours, **options):
    minute = voice("rising", 60.0, 1)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, **options) as file:
        for _ in range(60 * hours):
            file.write(minute)


def write_mp3(path, hours):
    encoding = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
    soundfile.write(path, voice("rising", 60.0, 1), RATE_HZ, **encoding)
    minute = path.read_bytes()
    with path.open("wb") as file:
        file.writelines(repeat_mp3(minute, 60 * hours))
    assert soundfile.info(path).duration == pytest.approx(3600 * hours, rel=0.001)


def write_rf64(path, hours):
    """Larger than the four gigabytes that a WAV can tell of."""
    write_minutes(path, hours, format="RF64", subtype="PCM_24")
    assert path.stat().st_size > 2**32


@pytest.mark.parametrize(
    ("name", "write", "hours"),
    [
        ("long.wav", write_minutes, 10),
        ("long.mp3", write_mp3, 10),
        ("day.flac", write_minutes, 24),
        ("day.wav", write_rf64, 24),
    ],
)
def test_long(name, write, hours, tmp_path):
    write(tmp_path / name, hours)
    write_manifest(tmp_path / "manifest.csv", [Recording(file=name, genus="Acutus")])
    command = [sys.executable, "-m", "birdsong.pipelines.command", "preprocess"]
    command += ["--manifest", str(tmp_path / "manifest.csv"), "--audio", str(tmp_path)]
    command += ["--out", str(tmp_path / "images"), "--jobs", "2"]
    assert most_memory_of_a_process(command) < MOST_BYTES
    (row,) = read_receipt(tmp_path / "images")
    assert row.status == "ok"
    assert row.duration_s == pytest.approx(3600 * hours, rel=0.001)
    starts_s = [row.start_s for row in open_store(tmp_path / "images").rows if row.kind == "bird"]
    assert starts_s[-1] > 3600 * hours - 10
    assert len(starts_s) > 3600 * hours / 4  # a song of three seconds in every four
