"""Training: how many images a second each network learns from each source, in one run.

SqueezeNet is trained by `Model.fit` from one batch that is held in memory, which is the most that
any generator can reach, and by `tf.data` as well; and from files. VGG-16 and ResNet-50 are trained
from memory only. One process takes the sources in turn, some seconds each, and a share is of what
memory gave in the same round, so that a machine that gets slower meanwhile does not count: one
batch in memory comes before and after what matters most, the packed copy fully augmented, and every
other round goes backwards. Memory is that of a process which trains from one source alone.

`--rounds 5 --seconds 60` is what that share is to be judged by.
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

from benchmarks import feed_dataset
from benchmarks.feed_alternatives import Job
from birdsong.errors import ConfigError
from birdsong.images.store import open_store
from birdsong.learning.training.training_config import TrainingConfig

if TYPE_CHECKING:
    from benchmarks.train_ways import Pace

_ROOT = Path(__file__).resolve().parents[1]
N_IMAGES = 8192
SECONDS = 20.0
BATCH_SIZE = TrainingConfig().batch_size
_MEMORY_SECONDS = 3.0  # at most: it is held after a few steps
_START_LIMIT_S = 600.0
_STEPS_LIMIT_S = 300.0  # warming up, and what a slow network takes longer


@dataclass(frozen=True, slots=True)
class Way:
    """A network that learns, and from what."""

    network: str
    source: str
    augmented: bool = False

    def job(self, batch_size: int) -> Job:
        """Return how the source is set up."""
        n_threads = TrainingConfig().n_threads
        return Job(workers=n_threads, batch_size=batch_size, augmented=self.augmented)


MEMORY = Way("SqueezeNet", "one batch in memory")
PACKED = Way("SqueezeNet", "birdsong, packed", augmented=True)
TURNS = (
    MEMORY,
    PACKED,
    MEMORY,
    Way("SqueezeNet", "one batch in memory, tf.data"),
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
        if (way := Way("SqueezeNet", source, augmented)) != PACKED
    ),
)
LARGER = (Way("VGG-16", MEMORY.source), Way("ResNet-50", MEMORY.source))


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
        Folder of images; None makes some.
    n_rounds : int
    seconds : float
        Of each training in each round.
    only_packed : bool
        Nothing but one batch in memory and the packed copy fully augmented.
    n_images : int
        At most, of the folder or made; rounded down to whole batches.
    batch_size : int
    scratch : Path, optional
        Folder to lay images out in; the system's temporary one without it.

    Returns
    -------
    dict
        How it was measured; ``ways``, with images a second, shares of one batch in memory and
        waiting shares of all rounds, and the memory; and ``packed_shares``, those of the packed
        copy fully augmented.

    Raises
    ------
    ConfigError
        If there are fewer images than a batch takes.
    """
    there = n_images if images is None else min(n_images, len(open_store(images).rows))
    if there < batch_size:
        raise ConfigError(f"training needs a batch of {batch_size} images at least, got {there}")
    turns = [MEMORY, PACKED, MEMORY] if only_packed else list(TURNS)
    figures: dict[str, Any] = {
        "images": there // batch_size * batch_size,
        "labels": feed_dataset.N_LABELS,
        "batch_size": batch_size,
        "rounds": n_rounds,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        made = Path(folder)
        feed_dataset.lay_out(made, images, figures["images"])
        rows = _rounds(turns, made, n_rounds, batch_size, seconds)
        for way in LARGER if not only_packed else ():
            paces = list(_paces([way] * n_rounds, made, batch_size, seconds))
            print(f"{way.network}: {_mean_rate(paces):.1f} images/s", flush=True)
            rows[way] = _row([[pace] for pace in paces]) | {"memory_mb": paces[-1].memory_mb}
        print("each source once more alone, for its memory", flush=True)
        for way in dict.fromkeys(turns):
            (alone,) = _paces([way], made, batch_size, min(seconds, _MEMORY_SECONDS))
            rows[way]["memory_mb"] = alone.memory_mb
    figures["ways"] = [asdict(way) | row for way, row in rows.items()]
    figures["packed_shares"] = rows[PACKED]["shares_of_memory"]
    _print(figures)
    return figures


def _rounds(
    turns: Sequence[Way], scratch: Path, n_rounds: int, batch_size: int, seconds: float
) -> dict[Way, dict[str, Any]]:
    """Train from the sources in turn, in one process."""
    in_order = [turns if number % 2 == 0 else turns[::-1] for number in range(n_rounds)]
    paces = _paces([way for turn in in_order for way in turn], scratch, batch_size, seconds)
    rounds: list[dict[Way, list[Pace]]] = []
    for number, turn in enumerate(in_order, start=1):
        in_turn: dict[Way, list[Pace]] = {way: [] for way in turns}
        for way in turn:
            in_turn[way].append(next(paces))
            print(
                f"round {number} of {n_rounds}: {way.source}"
                f"{', augmented' if way.augmented else ''}: {in_turn[way][-1].images_per_s:.1f} "
                "images/s",
                flush=True,
            )
        rounds.append(in_turn)
    for _ in paces:  # so that the process ends
        raise RuntimeError("more figures than were asked for")
    of_memory = [_mean_rate(each[MEMORY]) for each in rounds]
    rows = {way: _row([each[way] for each in rounds]) for way in rounds[0]}
    for row in rows.values():
        rates = zip(row["images_per_s"], of_memory, strict=True)
        row["shares_of_memory"] = [rate / memory for rate, memory in rates]
    return rows


def _mean_rate(paces: Sequence[Pace]) -> float:
    return statistics.mean(pace.images_per_s for pace in paces)


def _row(rounds: Sequence[Sequence[Pace]]) -> dict[str, Any]:
    shares = [pace.waiting_share for paces in rounds for pace in paces]
    return {
        "images_per_s": [_mean_rate(paces) for paces in rounds],
        "waiting_shares": [share for share in shares if share is not None],
    }


def _paces(ways: Sequence[Way], scratch: Path, batch_size: int, seconds: float) -> Iterator[Pace]:
    """Train one network in a process of its own, from one source after the other."""
    from benchmarks.train_ways import Pace

    asked = {
        "network": ways[0].network,
        "jobs": [(way.source, asdict(way.job(batch_size))) for way in ways],
        "scratch": str(scratch),
        "seconds": seconds,
    }
    limit_s = _START_LIMIT_S + len(ways) * (_STEPS_LIMIT_S + 2 * seconds)
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.train_ways", json.dumps(asked)],
            cwd=_ROOT, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, text=True,
            stdout=subprocess.PIPE, stderr=complaints, start_new_session=True,
        )  # fmt: skip
        too_long = threading.Timer(limit_s, os.killpg, (process.pid, signal.SIGKILL))
        too_long.start()
        try:
            for line in process.stdout or ():
                yield Pace.from_json(line)
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
