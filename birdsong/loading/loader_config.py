"""The loader config: size, order and augmentation of batches, and the use of memory."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.errors import ConfigError
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.loading.samplers import check_sampling
from birdsong.loading.shuffle_buffer import WINDOW_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderConfig:
    """How batches are loaded.

    Attributes
    ----------
    batch_size : int
    n_threads : int
        0 makes batches when they are asked for, in the thread that asks.
    seed : int
    shuffle : bool
        Draw a new order for each epoch; otherwise images come in the order of their rows.
    sampling : {"plain", "class-balanced", "session-balanced"}
        How often an image comes; see `samplers.EpochSampler`.
    augmentation : AugmentationConfig or None
        None leaves the images as they are.
    memory_bytes : int or None
        A shuffled, uncompressed packed copy that is larger is read by windows. None means half of
        the machine's memory.
    window_bytes : int
        Maximum size of a window. Two windows are in memory.
    """

    batch_size: int = 64
    n_threads: int = 2
    seed: int = 0
    shuffle: bool = False
    sampling: str = "plain"
    augmentation: AugmentationConfig | None = None
    memory_bytes: int | None = None
    window_bytes: int = WINDOW_BYTES

    def __post_init__(self) -> None:
        check_sampling(self.sampling)
        if self.batch_size < 1 or self.n_threads < 0:
            raise ConfigError(
                "batch_size must be at least 1 and n_threads at least 0, "
                f"got {self.batch_size} and {self.n_threads}"
            )
