"""Images per second of training, by network and image source.

SqueezeNet is trained with `Model.fit` from one batch in memory, which is an upper bound for
generators, from one batch in `tf.data`, and from files. VGG-16 and ResNet-50 are trained from one
batch in memory only. One process takes the sources in turn, some seconds each. Speeds are reported
as shares of the speed from memory in the same round. So that a machine that slows down does not
matter, one batch in memory is measured before and after the fully augmented packed copy, and every
other round runs in reverse order. Memory is measured in a process with one source only.

Use `--rounds 5 --seconds 60` for a precise share.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import feed_images
from benchmarks.feed_alternatives import Job
from birdsong.errors import ConfigError
from birdsong.images.store import open_store
from birdsong.learning.training.training_config import TrainingConfig

if TYPE_CHECKING:
    from benchmarks.train_sources import Throughput

_ROOT = Path(__file__).resolve().parents[1]
N_IMAGES = 8192
SECONDS = 20.0
BATCH_SIZE = TrainingConfig().batch_size
_MEMORY_SECONDS = 3.0  # at most: memory is in use after a few steps
_START_LIMIT_S = 600.0
_STEPS_LIMIT_S = 300.0  # for the warm-up and slow networks


@dataclass(frozen=True, slots=True)
class Workload:
    """A network and its image source."""

    network: str
    source: str
    augmented: bool = False

    def job(self, batch_size: int) -> Job:
        """Return the settings of the source."""
        n_threads = TrainingConfig().n_threads
        return Job(workers=n_threads, batch_size=batch_size, augmented=self.augmented)


MEMORY = Workload("SqueezeNet", "one batch in memory")
PACKED = Workload("SqueezeNet", "birdsong, packed", augmented=True)
WORKLOADS = (
    MEMORY,
    PACKED,
    MEMORY,
    Workload("SqueezeNet", "one batch in memory, tf.data"),
    *(
        way
        for source in (
            "birdsong, packed",
            "birdsong, PNG",
            "birdsong, packed, by windows",
            "Keras, image_dataset_from_directory",
            "tf.data, TFRecord",
        )
        for augmented in (False, True)
        if (way := Workload("SqueezeNet", source, augmented)) != PACKED
    ),
)
LARGER_NETWORKS = (Workload("VGG-16", MEMORY.source), Workload("ResNet-50", MEMORY.source))


def measure(
    *,
    images: Path | None,
    n_rounds: int,
    seconds: float = SECONDS,
    only_packed: bool = False,
    n_images: int = N_IMAGES,
    batch_size: int = BATCH_SIZE,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Train from every source; print a table.

    Parameters
    ----------
    images : Path or None
        Folder of images; None for random ones.
    n_rounds : int
    seconds : float
        Duration of each training in each round.
    only_packed : bool
        Measure only one batch in memory and the fully augmented packed copy.
    n_images : int
        Maximum; rounded down to whole batches.
    batch_size : int
    scratch : Path, optional
        Folder for the images; the system's temporary folder by default.

    Returns
    -------
    dict
        Settings; ``ways`` with images per second, shares of one batch in memory and waiting shares
        of all rounds, and the memory; and ``packed_shares``, those of the fully augmented packed
        copy.

    Raises
    ------
    ConfigError
        If there are fewer images than in a batch.
    """
    there = n_images if images is None else min(n_images, len(open_store(images).rows))
    if there < batch_size:
        raise ConfigError(f"training needs a batch of {batch_size} images at least, got {there}")
    turns = [MEMORY, PACKED, MEMORY] if only_packed else list(WORKLOADS)
    figures: dict[str, Any] = {
        "images": there // batch_size * batch_size,
        "labels": feed_images.N_LABELS,
        "batch_size": batch_size,
        "rounds": n_rounds,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        made = Path(folder)
        feed_images.write_formats(made, images, figures["images"])
        rows = _rounds(turns, made, n_rounds, batch_size, seconds)
        for way in LARGER_NETWORKS if not only_packed else ():
            paces = list(_measure([way] * n_rounds, made, batch_size, seconds))
            print(f"{way.network}: {_mean_rate(paces):.1f} images/s", flush=True)
            rows[way] = _row([[pace] for pace in paces]) | {"memory_mb": paces[-1].memory_mb}
        print("each source once more alone, for its memory", flush=True)
        for way in dict.fromkeys(turns):
            (alone,) = _measure([way], made, batch_size, min(seconds, _MEMORY_SECONDS))
            rows[way]["memory_mb"] = alone.memory_mb
    figures["ways"] = [asdict(way) | row for way, row in rows.items()]
    figures["packed_shares"] = rows[PACKED]["shares_of_memory"]
    _print(figures)
    return figures


def _rounds(
    turns: Sequence[Workload], scratch: Path, n_rounds: int, batch_size: int, seconds: float
) -> dict[Workload, dict[str, Any]]:
    """Train from the sources in turn, in one process, for several rounds."""
    in_order = [turns if number % 2 == 0 else turns[::-1] for number in range(n_rounds)]
    paces = _measure([way for turn in in_order for way in turn], scratch, batch_size, seconds)
    rounds: list[dict[Workload, list[Throughput]]] = []
    for number, turn in enumerate(in_order, start=1):
        in_turn: dict[Workload, list[Throughput]] = {way: [] for way in turns}
        for way in turn:
            in_turn[way].append(next(paces))
            print(
                f"round {number} of {n_rounds}: {way.source}"
                f"{', augmented' if way.augmented else ''}: {in_turn[way][-1].images_per_s:.1f} "
                "images/s",
                flush=True,
            )
        rounds.append(in_turn)
    for _ in paces:  # ends the process
        raise RuntimeError("more figures than were asked for")
    of_memory = [_mean_rate(each[MEMORY]) for each in rounds]
    rows = {way: _row([each[way] for each in rounds]) for way in rounds[0]}
    for row in rows.values():
        rates = zip(row["images_per_s"], of_memory, strict=True)
        row["shares_of_memory"] = [rate / memory for rate, memory in rates]
    return rows


def _mean_rate(paces: Sequence[Throughput]) -> float:
    return statistics.mean(pace.images_per_s for pace in paces)


def _row(rounds: Sequence[Sequence[Throughput]]) -> dict[str, Any]:
    shares = [pace.waiting_share for paces in rounds for pace in paces]
    return {
        "images_per_s": [_mean_rate(paces) for paces in rounds],
        "waiting_shares": [share for share in shares if share is not None],
    }


def _measure(
    ways: Sequence[Workload], scratch: Path, batch_size: int, seconds: float
) -> Iterator[Throughput]:
    """Train one network in a new process, from one source after the other."""
    from benchmarks.train_sources import Throughput

    request = {
        "network": ways[0].network,
        "jobs": [(way.source, asdict(way.job(batch_size))) for way in ways],
        "scratch": str(scratch),
        "seconds": seconds,
    }
    limit_s = _START_LIMIT_S + len(ways) * (_STEPS_LIMIT_S + 2 * seconds)
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.train_sources", json.dumps(request)],
            cwd=_ROOT, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, text=True,
            stdout=subprocess.PIPE, stderr=complaints, start_new_session=True,
        )  # fmt: skip
        too_long = threading.Timer(limit_s, os.killpg, (process.pid, signal.SIGKILL))
        too_long.start()
        try:
            for line in process.stdout or ():
                yield Throughput.from_json(line)
            if process.wait():
                complaints.seek(0)
                last = (complaints.read().strip().splitlines() or ["it was ended"])[-1]
                raise RuntimeError(f"{ways[0].network}: broke off: {last}")
        finally:
            too_long.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _print(figures: dict[str, Any]) -> None:
    print(
        f"{figures['images']} images, {figures['labels']} labels, batches of "
        f"{figures['batch_size']}, {figures['cores']} cores, load {figures['load_before']:.1f} "
        f"before; medians of {figures['rounds']} rounds of {figures['seconds']:g} s"
    )
    print(f"  {'':<10}  {'':<35}  augmented  images/s  of one batch in memory  waiting  memory MB")
    for way in figures["ways"]:
        shares = way.get("shares_of_memory")
        waited = way["waiting_shares"]
        print(
            f"  {way['network']:<10}  {way['source']:<35}"
            f"  {'fully' if way['augmented'] else 'no':<9}"
            f"  {statistics.median(way['images_per_s']):8.1f}"
            f"  {f'{100 * statistics.median(shares):.1f} %' if shares else '-':>22}"
            f"  {f'{100 * statistics.median(waited):.1f} %' if waited else '-':>7}"
            f"  {way['memory_mb']:9.0f}"
        )
    shares = figures["packed_shares"]
    print(
        f"from the packed copy, fully augmented: {100 * statistics.median(shares):.1f} % of one "
        f"batch in memory (rounds: {', '.join(f'{100 * share:.1f}' for share in shares)})"
    )
