"""Recordings to images: how near to the decoder's own speed, beside the usual way.

Files of less than three hours are taken several times over, so that starting workers hardly counts.
Every way is timed on the same files, in turn, several rounds in one run, since machines are noisy;
the table shows medians and their ratio to decoding alone. "One core" is a fresh process pinned to
one core, with one thread in each numerical library. Decoding alone on two cores tells what the
second one is worth on this machine: two that are threads of one core are not worth twice one.

The usual way is what tutorials show: `librosa.load`, `librosa.feature.melspectrogram`, decibels
over the whole recording's maximum, windows cut from it, Pillow.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple


class Made(NamedTuple):
    """What a way made: images, and the seconds of sound that those of birds cover."""

    images: int = 0
    kept_s: float = 0.0


LEAST_S = 3 * 3600.0
Way = Callable[[Sequence[Path], Path], Made]


def decode(files: Sequence[Path], out: Path, *, n_jobs: int = 1) -> Made:
    """Decode with libsndfile, each file at once, and nothing else."""
    from joblib import Parallel, delayed

    Parallel(n_jobs=n_jobs)(delayed(_decode_one)(path) for path in files)
    return Made()


def _decode_one(path: Path) -> None:
    import soundfile

    soundfile.read(path, dtype="float32")


def usual(files: Sequence[Path], out: Path) -> Made:
    """Librosa and Pillow, an image every step of the grid."""
    import librosa
    import numpy as np
    from PIL import Image

    from birdsong.preprocessing.preprocess_recording import PreprocessConfig

    config = PreprocessConfig()
    spectrogram = config.spectrogram
    step = round(config.step_s * spectrogram.frames_per_s)
    n = 0
    for path in files:
        samples, rate_hz = librosa.load(path, sr=spectrogram.sample_rate_hz)
        power = librosa.feature.melspectrogram(
            y=samples, sr=rate_hz, n_fft=spectrogram.n_fft, hop_length=spectrogram.hop_length,
            n_mels=spectrogram.n_mels, fmin=spectrogram.f_min_hz, fmax=spectrogram.f_max_hz,
            center=False,
        )  # fmt: skip
        decibels = librosa.power_to_db(power, ref=np.max, top_db=80)
        grey = ((decibels + 80) / 80 * 255).astype(np.uint8)[::-1]
        for first in range(0, max(grey.shape[1] - spectrogram.n_frames + 1, 1), step):
            image = Image.fromarray(grey[:, first : first + spectrogram.n_frames])
            image.save(out / f"{path.stem}_{first}.png")
            n += 1
    return Made(images=n)


def ours(
    files: Sequence[Path], out: Path, *, grid: bool, n_jobs: int = 1, packed: bool = False
) -> Made:
    """Birdsong's way."""
    from birdsong.images.packing import pack
    from birdsong.images.store import open_store
    from birdsong.preprocessing.preprocess import preprocess
    from birdsong.preprocessing.preprocess_recording import PreprocessConfig
    from birdsong.recordings.recording import Recording
    from birdsong.runs.jobs import JobsConfig

    config = PreprocessConfig(grid=grid)
    rows = [Recording(file=path.name, genus="Avis") for path in files]
    preprocess(rows, files[0].parent, out, config=config, jobs=JobsConfig(n_jobs=n_jobs))
    store = open_store(out)
    if packed:
        pack(store, n_jobs=n_jobs)
    birds = [row for row in store.rows if row.kind == "bird"]
    kept_s = 0.0
    shown_until_s: dict[str, float] = {}
    for row in birds:
        kept_s += row.end_s - max(row.start_s, shown_until_s.get(row.recording, 0.0))
        shown_until_s[row.recording] = row.end_s
    return Made(images=len(store.rows), kept_s=kept_s)


ONE_CORE: dict[str, Way] = {
    "decoding alone": decode,
    "librosa and Pillow, grid": usual,
    "birdsong, grid": partial(ours, grid=True),
    "birdsong, songs": partial(ours, grid=False),
    "birdsong, songs, packed": partial(ours, grid=False, packed=True),
}
TWO_CORES: dict[str, Way] = {
    "decoding alone, 2 cores": partial(decode, n_jobs=2),
    "birdsong, grid, 2 cores": partial(ours, grid=True, n_jobs=2),
    "birdsong, songs, 2 cores": partial(ours, grid=False, n_jobs=2),
}


def _all_cores() -> dict[str, Way]:
    n_cores = os.cpu_count() or 1
    if n_cores <= 2:
        return {}
    return {
        f"birdsong, {name}, {n_cores} cores": partial(ours, grid=name == "grid", n_jobs=n_cores)
        for name in ("grid", "songs")
    }


def measure(*, audio: Path | None, n_rounds: int) -> dict[str, Any]:
    """Time every way on one core, and ours on more; print a table.

    Parameters
    ----------
    audio : Path or None
        Folder of MP3 files; None makes some.
    n_rounds : int

    Returns
    -------
    dict
        Seconds of each round by way, hours of audio, images and hours kept.
    """
    ways = {**ONE_CORE, **TWO_CORES, **_all_cores()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = audio or _made(Path(scratch) / "made")
        files = sorted(folder.glob("*.mp3"))
        if not files:
            raise SystemExit(f"{folder}: holds no MP3")
        files = _enough(files, Path(scratch) / "enough")
        hours = _duration_s(files) / 3600
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        made: dict[str, Made] = {}
        for _ in range(n_rounds):
            for way in ways:
                spent_s, made[way] = _timed(way, files, Path(scratch))
                seconds[way].append(spent_s)
    print(
        f"{len(files)} files, {hours:.2f} h; on one core but where more are named; "
        f"median of {n_rounds} rounds"
    )
    decoding_s = statistics.median(seconds["decoding alone"])
    for way, each in seconds.items():
        median_s = statistics.median(each)
        kept = f"  {made[way].kept_s / 3600:5.2f} h kept" if made[way].kept_s else ""
        print(
            f"  {way:<26} {hours / (median_s / 3600):8.0f} audio-hours an hour"
            f"  {decoding_s / median_s:6.1%} of decoding  {made[way].images:>7} images{kept}"
        )
    return {
        "hours": hours,
        "files": len(files),
        "seconds": seconds,
        "images": {way: each.images for way, each in made.items()},
        "hours_kept": {way: each.kept_s / 3600 for way, each in made.items()},
    }


def _timed(way: str, files: Sequence[Path], scratch: Path) -> tuple[float, Made]:
    """Time one way in a process of its own; its imports and first call are not counted."""
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(libraries, "1")
    asked = json.dumps({"way": way, "files": [str(f) for f in files], "scratch": str(scratch)})
    answer = subprocess.run(
        [sys.executable, __file__], input=asked, env=environment, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if answer.returncode:
        raise SystemExit(f"{way}: broke off: {answer.stderr.strip().splitlines()[-1]}")
    made = json.loads(answer.stdout)
    return made["seconds"], Made(made["images"], made["kept_s"])


def _one_way() -> None:
    """Be the process that is timed."""
    asked = json.loads(sys.stdin.read())
    files = [Path(name) for name in asked["files"]]
    way = {**ONE_CORE, **TWO_CORES, **_all_cores()}[asked["way"]]
    if asked["way"] in ONE_CORE and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    shortest = min(files, key=lambda path: path.stat().st_size)
    with tempfile.TemporaryDirectory(dir=asked["scratch"]) as out:
        (Path(out) / "warm").mkdir()
        (Path(out) / "timed").mkdir()
        way([shortest], Path(out) / "warm")
        started_s = time.perf_counter()
        made = way(files, Path(out) / "timed")
        spent_s = time.perf_counter() - started_s
    print(json.dumps({"seconds": spent_s, "images": made.images, "kept_s": made.kept_s}))


def _duration_s(files: Sequence[Path]) -> float:
    import soundfile

    return sum(float(soundfile.info(path).duration) for path in files)


def _enough(files: Sequence[Path], folder: Path) -> list[Path]:
    """Copy files, each as often as it takes."""
    folder.mkdir()
    n_times = math.ceil(LEAST_S / _duration_s(files))
    return [
        Path(shutil.copy(path, folder / f"{i}_{path.name}"))
        for i in range(n_times)
        for path in files
    ]


def _made(folder: Path) -> Path:
    """Make MP3s to listen to: synthetic birds, as the demo's."""
    import soundfile

    from birdsong.synthetic.files import write_recordings

    folder.mkdir()
    rows = write_recordings(folder, n_individuals=3, takes_per_individual=1, seed=0)
    for row in rows:
        samples, rate_hz = soundfile.read(folder / row.file, dtype="float32")
        target = folder / f"{Path(row.file).stem}_{row.genus}.mp3"
        soundfile.write(target, samples, rate_hz)
    return folder


if __name__ == "__main__":
    _one_way()
