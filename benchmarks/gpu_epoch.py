"""Images per second and GPU use of epochs of SqueezeNet on one device.

    KERAS_BACKEND=jax python -m benchmarks.gpu_epoch --images 800000 --mixed-precision

Images are random noise with 1,623 labels. All images are in the memory of the device, and batches
are gathered there; or with `--stream` they are in host memory, and a thread prefetches batches.
Each epoch has a random order of its own. If images do not fill whole calls, some are used twice and
not counted. The first epoch, which compiles, is printed by itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_loader import CallLoader, random_image_array
from birdsong.errors import BirdsongError, ConfigError
from birdsong.loading.augmentation_config import AugmentationConfig

MEMORIES = ("device", "host")
_N_BACKGROUNDS = 256
_SAMPLE_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochConfig:
    """Settings of the measurement.

    Attributes
    ----------
    images : int
    labels : int, at least 2
    epochs : int, at least 2
        The first compiles.
    batch_size : int
    steps_per_call : int
        Maximum number of batches per call.
    in_memory : {"device", "host"}
        Memory that holds the images.
    augmented : bool
        With `AugmentationConfig.full()`, on the device.
    mixed_precision : bool
        Compute in bfloat16.
    n_readers : int
        Threads that gather images in host memory.

    Raises
    ------
    ConfigError
        If a number is too small, or `in_memory` is unknown.
    """

    images: int = 800_000
    labels: int = 1623
    epochs: int = 3
    batch_size: int = 1024
    steps_per_call: int = 16
    in_memory: str = "device"
    augmented: bool = True
    mixed_precision: bool = False
    n_readers: int = 4

    def __post_init__(self) -> None:
        least = {"labels": 2, "epochs": 2, "images": self.batch_size}
        for name in ("batch_size", "steps_per_call", "n_readers", *least):
            value = getattr(self, name)
            if value < least.get(name, 1):
                raise ConfigError(f"{name} must be at least {least.get(name, 1)}, got {value}")
        if self.in_memory not in MEMORIES:
            raise ConfigError(
                f"in_memory must be one of {', '.join(MEMORIES)}, got {self.in_memory!r}"
            )


def measure(config: EpochConfig) -> dict[str, Any]:
    """Train some epochs and print the speed of each.

    Parameters
    ----------
    config : EpochConfig

    Returns
    -------
    dict
        The config; the backend; of each of ``epochs`` the seconds, images a second, share of the
        time spent waiting for images, use of the GPU in percent or None, and the last loss; and
        the peak memory of the device in megabytes or None.
    """
    import keras

    from benchmarks.gpu_training import build_augmented_model, build_training
    from birdsong.learning.training.devices import MIXED_POLICY

    keras.utils.set_random_seed(0)
    images = random_image_array(config.images)
    labels = np.random.default_rng(1).integers(0, config.labels, config.images)
    policy_before = keras.mixed_precision.dtype_policy()
    if config.mixed_precision:
        keras.mixed_precision.set_dtype_policy(MIXED_POLICY)
    try:
        model = build_augmented_model(
            config.labels,
            augmentation=AugmentationConfig.full() if config.augmented else None,
            backgrounds=images[:_N_BACKGROUNDS].copy(),
        )
        training = build_training(model)
        figures: dict[str, Any] = asdict(config) | {"backend": keras.backend.backend()}
        with CallLoader(
            training,
            images,
            labels,
            batch_size=config.batch_size,
            steps_per_call=config.steps_per_call,
            on_device=config.in_memory == "device",
            n_readers=config.n_readers,
        ) as feed:
            del images
            print(
                f"{config.images} images in the memory of the {config.in_memory}, batches of "
                f"{config.batch_size}, {feed.steps_per_call} a call, "
                f"{'fully augmented' if config.augmented else 'as they are'}, "
                f"{'bfloat16' if config.mixed_precision else 'float32'}, {figures['backend']}",
                flush=True,
            )
            figures["epochs"] = [_epoch(feed, number) for number in range(config.epochs)]
        n_bytes = training.peak_bytes()
    finally:
        keras.mixed_precision.set_dtype_policy(policy_before)
    figures["device_memory_mb"] = None if n_bytes is None else n_bytes / 1e6
    _print_steady(figures)
    return figures


def _epoch(feed: CallLoader, number: int) -> dict[str, Any]:
    """Train one epoch and print its speed."""
    waited_s, loss = 0.0, 0.0
    with GpuUse() as gpu:
        started_s = requested_s = time.perf_counter()
        for train in feed.epoch(number):
            waited_s += time.perf_counter() - requested_s
            loss = train()
            requested_s = time.perf_counter()
        spent_s = time.perf_counter() - started_s
    figures = {
        "seconds": spent_s,
        "images_per_s": feed.n_images / spent_s,
        "waiting_share": waited_s / spent_s,
        "gpu_percent": gpu.mean_percent(),
        "loss": loss,
    }
    print(_summary(f"epoch {number + 1}", figures) + (", with compiling" if number == 0 else ""))
    sys.stdout.flush()
    return figures


def _summary(what: str, epoch: dict[str, Any]) -> str:
    gpu = epoch["gpu_percent"]
    return (
        f"{what}: {epoch['seconds']:.1f} s, {epoch['images_per_s']:.0f} images/s, "
        f"{100 * epoch['waiting_share']:.1f} % of it waiting for images, GPU use "
        f"{'unknown' if gpu is None else f'{gpu:.0f} %'}"
    )


def _print_steady(figures: dict[str, Any]) -> None:
    steady = figures["epochs"][1:]
    names = ("seconds", "images_per_s", "waiting_share", "gpu_percent")
    medians = {
        name: statistics.median(known)
        if (known := [epoch[name] for epoch in steady if epoch[name] is not None])
        else None
        for name in names
    }
    held = figures["device_memory_mb"]
    print(
        _summary("median of the others", medians)
        + f"; the device's memory: {'unknown' if held is None else f'{held:.0f} MB'}"
    )


class GpuUse:
    """Samples the use of the GPUs ten times a second."""

    def __init__(self) -> None:
        from birdsong.learning.training.system_log import gpu_reader

        self._read = gpu_reader()
        self._percents: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> GpuUse:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def mean_percent(self) -> float | None:
        """Return the mean use in percent, or None if it is not known."""
        return statistics.mean(self._percents) if self._percents else None

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_INTERVAL_S):
            percent = self._read()[0]
            if percent == "":
                return
            self._percents.append(float(percent))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_epoch")
    default = EpochConfig()
    parser.add_argument("--images", type=int, default=default.images, metavar="N")
    parser.add_argument("--labels", type=int, default=default.labels, metavar="N")
    parser.add_argument("--epochs", type=int, default=default.epochs, metavar="N")
    parser.add_argument("--batch-size", type=int, default=default.batch_size, metavar="N")
    parser.add_argument(
        "--steps-per-call", type=int, default=default.steps_per_call, metavar="N",
        help="maximum number of batches per call",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--in-memory",
        choices=MEMORIES,
        default=default.in_memory,
        help="memory that holds the images",
    )
    where.add_argument(
        "--stream", action="store_const", dest="in_memory", const="host",
        help="as `--in-memory host`: images are copied to the device during training",
    )  # fmt: skip
    parser.add_argument("--readers", type=int, default=default.n_readers, metavar="N")
    parser.add_argument("--mixed-precision", action="store_true", help="compute in bfloat16")
    parser.add_argument("--no-augmentation", action="store_true")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="keep the figures")
    options = vars(parser.parse_args(arguments))
    kept = options.pop("json")
    options["augmented"] = not options.pop("no_augmentation")
    options["n_readers"] = options.pop("readers")
    try:
        figures = measure(EpochConfig(**options))
    except BirdsongError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if kept:
        kept.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
