"""Speed, latency and memory of classification, against decoding alone.

Three things are measured, each in new processes, in several rounds; medians are printed:

- files to answers, on one core and by two processes on two, without their start. The time on one
  core is printed by step. Decoding alone is timed for comparison. Processor time is printed, too,
  since it depends less on other programs;
- a minute of stereo MP3, from the start of `birdsong classify FILE` to its end, on two cores;
- the peak memory for one long MP3, which repeats that minute.

The bundle is the default one. The minute is made from the first files of the folder.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peak_memory import peak_bytes
from benchmarks.preprocess import decode_file, total_duration_s, write_recordings_as_mp3

_ROOT = Path(__file__).resolve().parents[1]
MIN_AUDIO_S = 1800.0
MINUTE_S = 60.0
MINUTE_RATE_HZ = 48_000
LONG_HOURS = 1.0
DECODING, ONE, TWO = "decoding alone", "birdsong", "birdsong, 2 processes"


def measure(*, audio: Path | None, n_rounds: int, long_hours: float = LONG_HOURS) -> dict[str, Any]:
    """Measure speed, latency and memory; print a table.

    Parameters
    ----------
    audio : Path or None
        Folder of recordings; None for synthetic MP3s.
    n_rounds : int
    long_hours : float
        Duration of the long file.

    Returns
    -------
    dict
        Hours of audio and number of files, the load of the machine before; seconds, processor
        seconds and seconds by step of each round by way; seconds from cold starts; the long file's
        hours, seconds and most memory in bytes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = (
            None if audio else sorted(write_recordings_as_mp3(Path(scratch) / "made").glob("*.mp3"))
        )
        files = made or find_recordings(audio or Path())
        minute = Path(scratch) / "minute.mp3"
        write_minute(files, minute)
        figures: dict[str, Any] = {"load_before": os.getloadavg()[0], "files": len(files)}
        figures |= _folder(files, n_rounds)
        figures["cold_start_s"] = [_cold_start_s(minute) for _ in range(n_rounds)]
        print(
            "a minute of MP3, from a cold start to the answer: "
            f"{statistics.median(figures['cold_start_s']):.2f} s"
        )
        figures["long"] = _long(minute, Path(scratch) / "long.mp3", long_hours)
    return figures


def _folder(files: Sequence[Path], n_rounds: int) -> dict[str, Any]:
    """Time the files with every alternative and print the table."""
    once_s = total_duration_s(files)
    n_times = max(1, round(MIN_AUDIO_S / once_s))
    files = [path for _ in range(n_times) for path in files]
    hours = n_times * once_s / 3600
    cores = _cores()
    ways: dict[str, Callable[[], list[dict[str, Any]]]] = {
        DECODING: lambda: _side_by_side("decode", [files], cores),
        ONE: lambda: _side_by_side("classify", [files], cores),
    }
    if len(cores) > 1:
        ways[TWO] = lambda: _side_by_side("classify", [files[::2], files[1::2]], cores)
    rounds: dict[str, list[list[dict[str, Any]]]] = {way: [] for way in ways}
    for _ in range(n_rounds):
        for way, timed in ways.items():
            rounds[way].append(timed())
    seconds = {
        way: [max(p["ended"] for p in each) - min(p["began"] for p in each) for each in own]
        for way, own in rounds.items()
    }
    processor_s = {
        way: [sum(p["processor_s"] for p in each) for each in own] for way, own in rounds.items()
    }
    steps = [each[0]["steps"] for each in rounds[ONE]]
    print(f"{len(files)} files, {hours:.2f} h, on one core but where two are named")
    for way, each in seconds.items():
        wall_s, spent_s = statistics.median(each), statistics.median(processor_s[way])
        print(
            f"  {way:<22} {3600 * hours / wall_s:6.0f} audio-hours an hour, "
            f"{3600 * hours / spent_s:6.0f} an hour of processor time"
        )
    whole_s = statistics.median(seconds[ONE])
    shares = {step: statistics.median(each[step] for each in steps) / whole_s for step in steps[0]}
    print(f"  of {ONE}: " + ", ".join(f"{step} {share:.0%}" for step, share in shares.items()))
    return {"hours": hours, "seconds": seconds, "processor_s": processor_s, "steps_s": steps}


def _side_by_side(
    what: str, parts: Sequence[Sequence[Path]], cores: Sequence[int]
) -> list[dict[str, Any]]:
    """Run a process for each part of the files, each on its own core, and start them together."""
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(libraries, "1")
    workers = []
    for part, core in zip(parts, reversed(cores), strict=False):
        worker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.classify"], cwd=_ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        workers.append(worker)
        request = {"what": what, "files": [str(path.resolve()) for path in part], "core": core}
        _pipe(worker.stdin).write(json.dumps(request) + "\n")
        _pipe(worker.stdin).flush()
    for worker in workers:
        _pipe(worker.stdout).readline()  # it is ready
    for worker in workers:
        _pipe(worker.stdin).write("go\n")
        _pipe(worker.stdin).flush()
    answers = [worker.communicate()[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise SystemExit(f"{what}: broke off; try `birdsong classify` on the same files")
    return [json.loads(answer) for answer in answers]


def _cold_start_s(minute: Path) -> float:
    """Time a whole process that classifies one file."""
    words = [sys.executable, "-m", "birdsong.pipelines.command", "classify", str(minute)]
    two = set(_cores()[:2])
    pinned = (lambda: os.sched_setaffinity(0, two)) if hasattr(os, "sched_setaffinity") else None
    started_s = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, preexec_fn=pinned)
    return time.perf_counter() - started_s


def _long(minute: Path, path: Path, hours: float) -> dict[str, Any]:
    """Classify one long file, and measure the time and the peak memory."""
    n_minutes = max(1, round(hours * 60))
    with path.open("wb") as file:
        file.writelines(repeat_mp3(minute.read_bytes(), n_minutes))
    (measured,) = _side_by_side("long", [[path]], [-1])
    seconds = measured["ended"] - measured["began"]
    print(
        f"{n_minutes / 60:g} h of MP3 in one file: {seconds:.0f} s on all cores, at most "
        f"{measured['peak_bytes'] / 1e6:.0f} MB"
    )
    return {"hours": n_minutes / 60, "seconds": seconds, "peak_bytes": measured["peak_bytes"]}


def write_minute(files: Sequence[Path], path: Path) -> None:
    """Write a minute of stereo MP3 from the first recordings."""
    import numpy as np
    import soundfile

    from birdsong.sound.audio_reader import read_samples

    n_samples = int(MINUTE_S * MINUTE_RATE_HZ)
    parts: list[Any] = []
    while sum(map(len, parts)) < n_samples:
        parts.append(read_samples(files[len(parts) % len(files)], MINUTE_RATE_HZ))
    mono = np.concatenate(parts)[:n_samples]
    stereo = np.stack([mono, np.roll(mono, 20)], axis=1)
    soundfile.write(path, stereo, MINUTE_RATE_HZ, bitrate_mode="CONSTANT", compression_level=0.5)


def repeat_mp3(mp3: bytes, n_times: int) -> Iterator[bytes]:
    """Repeat an MP3 that libsndfile wrote: encoding ten hours would take half an hour.

    Parameters
    ----------
    mp3 : bytes
        With a constant bit rate at 24 or 48 kHz and `compression_level` 0.5, so that all frames
        have the same length.
    n_times : int

    Yields
    ------
    bytes
        The MP3, without its first frame, which holds the duration.

    Raises
    ------
    ValueError
        If frames differ in length.
    """
    n_bytes = mp3.find(mp3[:4], 4)  # of a frame: each begins with the same
    if n_bytes < 0 or len(mp3) % n_bytes:
        raise ValueError("expected an MP3 with frames of equal length")
    for _ in range(n_times):
        yield mp3[n_bytes:]


def find_recordings(folder: Path) -> list[Path]:
    """The recordings of a folder."""
    from birdsong.recordings.audio_folder import find_audio_files

    files = list(find_audio_files(folder).files)
    if not files:
        raise SystemExit(f"{folder}: expected a folder of recordings, found none; name another")
    return files


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _pipe(stream: Any) -> Any:
    assert stream is not None
    return stream


class _Stopwatch:
    """Measures the seconds of each step of classification, by wrapping its functions."""

    def __init__(self) -> None:
        self.seconds = {"decoding": 0.0, "images": 0.0, "network": 0.0}
        self._wrap_steps()

    def _wrap_steps(self) -> None:
        from birdsong.answers import segment_logits
        from birdsong.bundle.onnx_network import Network
        from birdsong.sound.audio_reader import AudioReader

        blocks, cut, logits = AudioReader.blocks, segment_logits.segments_of, Network.logits

        def timed_logits(network: Network, images: Any) -> Any:
            started_s = time.perf_counter()
            predicted = logits(network, images)
            self.seconds["network"] += time.perf_counter() - started_s
            return predicted

        parts: tuple[Any, Any, Any] = (AudioReader, segment_logits, Network)
        parts[0].blocks = lambda reader: self._timed(blocks(reader), "decoding")
        parts[1].segments_of = lambda *a, **k: self._timed(cut(*a, **k), "images")
        parts[2].logits = timed_logits

    def _timed(self, items: Iterable[Any], step: str) -> Iterator[Any]:
        each = iter(items)
        while True:
            started_s = time.perf_counter()
            item = next(each, None)
            self.seconds[step] += time.perf_counter() - started_s
            if item is None:
                return
            yield item

    def seconds_by_step(self, whole_s: float) -> dict[str, float]:
        """Seconds of each step, which add up to the whole."""
        steps = dict(self.seconds)
        steps["images"] -= steps["decoding"]  # segments are cut from decoded blocks
        return steps | {"answers and the rest": whole_s - sum(steps.values())}


def _run_worker() -> None:
    """Run in the process that is timed."""
    request = json.loads(sys.stdin.readline())
    files = [Path(name) for name in request["files"]]
    if request["core"] >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {request["core"]})
    watch = None
    work: Callable[[Path], object] = decode_file
    if request["what"] != "decode":
        from birdsong.answers.classifier import Classifier

        watch = _Stopwatch()
        work = Classifier.load().classify
    if request["what"] != "long":
        work(min(files, key=lambda path: path.stat().st_size))  # the first call is not counted
    if watch:
        watch.seconds = dict.fromkeys(watch.seconds, 0.0)
    print("ready", flush=True)
    sys.stdin.readline()
    began, processor_s = time.monotonic(), time.process_time()
    for path in files:
        work(path)
    ended, processor_s = time.monotonic(), time.process_time() - processor_s
    measured = {
        "began": began,
        "ended": ended,
        "processor_s": processor_s,
        "peak_bytes": peak_bytes(),
    }
    print(json.dumps(measured | {"steps": watch.seconds_by_step(ended - began) if watch else {}}))


if __name__ == "__main__":
    _run_worker()
