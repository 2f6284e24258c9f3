"""Speed of preprocessing, against decoding alone and against librosa with Pillow.

Files are repeated to at least three hours, so that the start of workers hardly counts. Every
alternative is timed on the same files, in turn, in several rounds; the table shows medians and
their ratio to decoding alone. "One core" is a new process pinned to one core, with one thread in
each numerical library. Decoding alone on two cores shows what the second core is worth on this
machine: two threads of one core are not twice as fast as one.

The librosa alternative follows tutorials: `librosa.load`, `librosa.feature.melspectrogram`,
decibels relative to the maximum of the recording, windows, Pillow.
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


class Output(NamedTuple):
    """Number of images, and seconds of sound in images of birds."""

    images: int = 0
    kept_s: float = 0.0


MIN_AUDIO_S = 3 * 3600.0
Alternative = Callable[[Sequence[Path], Path], Output]


def decode(files: Sequence[Path], out: Path, *, n_jobs: int = 1) -> Output:
    """Decode whole files with libsndfile."""
    from joblib import Parallel, delayed

    Parallel(n_jobs=n_jobs)(delayed(decode_file)(path) for path in files)
    return Output()


def decode_file(path: Path) -> None:
    """Decode a whole file with libsndfile."""
    import soundfile

    soundfile.read(path, dtype="float32")


def librosa_and_pillow(files: Sequence[Path], out: Path) -> Output:
    """Make images with librosa and Pillow, on a grid."""
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
    return Output(images=n)


def run_birdsong(
    files: Sequence[Path], out: Path, *, grid: bool, n_jobs: int = 1, packed: bool = False
) -> Output:
    """Make images with birdsong."""
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
    return Output(images=len(store.rows), kept_s=kept_s)


ONE_CORE: dict[str, Alternative] = {
    "decoding alone": decode,
    "librosa and Pillow, grid": librosa_and_pillow,
    "birdsong, grid": partial(run_birdsong, grid=True),
    "birdsong, songs": partial(run_birdsong, grid=False),
    "birdsong, songs, packed": partial(run_birdsong, grid=False, packed=True),
}
TWO_CORES: dict[str, Alternative] = {
    "decoding alone, 2 cores": partial(decode, n_jobs=2),
    "birdsong, grid, 2 cores": partial(run_birdsong, grid=True, n_jobs=2),
    "birdsong, songs, 2 cores": partial(run_birdsong, grid=False, n_jobs=2),
}


def _all_cores() -> dict[str, Alternative]:
    n_cores = os.cpu_count() or 1
    if n_cores <= 2:
        return {}
    return {
        f"birdsong, {name}, {n_cores} cores": partial(
            run_birdsong, grid=name == "grid", n_jobs=n_cores
        )
        for name in ("grid", "songs")
    }


def measure(*, audio: Path | None, n_rounds: int) -> dict[str, Any]:
    """Time every alternative on one core, and birdsong on more; print a table.

    Parameters
    ----------
    audio : Path or None
        Folder of MP3 files; None for synthetic ones.
    n_rounds : int

    Returns
    -------
    dict
        Seconds of each round by alternative, hours of audio, images and hours kept.
    """
    ways = {**ONE_CORE, **TWO_CORES, **_all_cores()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = audio or write_recordings_as_mp3(Path(scratch) / "made")
        files = sorted(folder.glob("*.mp3"))
        if not files:
            raise SystemExit(f"{folder}: holds no MP3")
        files = _repeat_files(files, Path(scratch) / "enough")
        hours = total_duration_s(files) / 3600
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        outputs: dict[str, Output] = {}
        for _ in range(n_rounds):
            for way in ways:
                spent_s, outputs[way] = _timed(way, files, Path(scratch))
                seconds[way].append(spent_s)
    print(
        f"{len(files)} files, {hours:.2f} h; on one core but where more are named; "
        f"median of {n_rounds} rounds"
    )
    decoding_s = statistics.median(seconds["decoding alone"])
    for way, each in seconds.items():
        median_s = statistics.median(each)
        kept = f"  {outputs[way].kept_s / 3600:5.2f} h kept" if outputs[way].kept_s else ""
        print(
            f"  {way:<26} {hours / (median_s / 3600):8.0f} audio-hours an hour"
            f"  {decoding_s / median_s:6.1%} of decoding  {outputs[way].images:>7} images{kept}"
        )
    return {
        "hours": hours,
        "files": len(files),
        "seconds": seconds,
        "images": {way: each.images for way, each in outputs.items()},
        "hours_kept": {way: each.kept_s / 3600 for way, each in outputs.items()},
    }


def _timed(way: str, files: Sequence[Path], scratch: Path) -> tuple[float, Output]:
    """Time one alternative in a new process, without its imports and first call."""
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(libraries, "1")
    request = json.dumps({"way": way, "files": [str(f) for f in files], "scratch": str(scratch)})
    answer = subprocess.run(
        [sys.executable, __file__], input=request, env=environment, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if answer.returncode:
        raise SystemExit(f"{way}: broke off: {answer.stderr.strip().splitlines()[-1]}")
    outputs = json.loads(answer.stdout)
    return outputs["seconds"], Output(outputs["images"], outputs["kept_s"])


def _run_worker() -> None:
    """Run in the process that is timed."""
    request = json.loads(sys.stdin.read())
    files = [Path(name) for name in request["files"]]
    way = {**ONE_CORE, **TWO_CORES, **_all_cores()}[request["way"]]
    if request["way"] in ONE_CORE and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    shortest = min(files, key=lambda path: path.stat().st_size)
    with tempfile.TemporaryDirectory(dir=request["scratch"]) as out:
        (Path(out) / "warm").mkdir()
        (Path(out) / "timed").mkdir()
        way([shortest], Path(out) / "warm")
        started_s = time.perf_counter()
        outputs = way(files, Path(out) / "timed")
        spent_s = time.perf_counter() - started_s
    print(json.dumps({"seconds": spent_s, "images": outputs.images, "kept_s": outputs.kept_s}))


def total_duration_s(files: Sequence[Path]) -> float:
    """Duration of all files, in seconds."""
    import soundfile

    return sum(float(soundfile.info(path).duration) for path in files)


def _repeat_files(files: Sequence[Path], folder: Path) -> list[Path]:
    """Copy files repeatedly, up to the minimum duration."""
    folder.mkdir()
    n_times = math.ceil(MIN_AUDIO_S / total_duration_s(files))
    return [
        Path(shutil.copy(path, folder / f"{i}_{path.name}"))
        for i in range(n_times)
        for path in files
    ]


def write_recordings_as_mp3(folder: Path) -> Path:
    """Write MP3s of synthetic birds."""
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
    _run_worker()
