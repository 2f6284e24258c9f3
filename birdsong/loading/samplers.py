"""The sampler: the order of the images in an epoch, and how often each is shown.

Both depend only on the seed and the epoch. Balanced epochs are divided evenly rather than sampled:
with seven labels and a hundred images, each label gets fourteen or fifteen, chosen at random. So
every label is shown equally often in expectation and nearly so in each epoch, and no image is
repeated before all others of its group are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from birdsong.arrays import IntArray
from birdsong.errors import ConfigError

SAMPLINGS = ("plain", "class-balanced", "session-balanced")


def check_sampling(sampling: str) -> None:
    """Check the name of a sampling.

    Raises
    ------
    ConfigError
    """
    if sampling not in SAMPLINGS:
        raise ConfigError(f"sampling must be one of {', '.join(SAMPLINGS)}, got {sampling!r}")


class EpochSampler:
    """Draws the order of epochs.

    Parameters
    ----------
    label_indices : int, shape (n,)
        The label of each image.
    sessions : sequence of str, length n, or empty
        The session of each; needed where they are balanced.
    sampling : {"plain", "class-balanced", "session-balanced"}
        Every image once; every label equally often; or every session equally often within its
        label. The length of an epoch is always the number of images.
    shuffle : bool
        If False, images are in ascending order.
    seed : int

    Raises
    ------
    ConfigError
        If there is no such sampling.
    ValueError
        If sessions are to be balanced and there is not one for each image.
    """

    def __init__(
        self,
        label_indices: IntArray,
        sessions: Sequence[str] = (),
        *,
        sampling: str = "plain",
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        check_sampling(sampling)
        self._n = len(label_indices)
        self._shuffle = shuffle
        self._seed = seed
        # Images by label, and by session within each label.
        self._by_label = [] if sampling == "plain" else _groups(label_indices)
        self._by_session: list[list[IntArray]] = []
        if sampling == "session-balanced":
            if len(sessions) != self._n:
                raise ValueError(f"{self._n} images, but {len(sessions)} sessions")
            _, numbers = np.unique(np.asarray(sessions), return_inverse=True)
            self._by_session = [
                [own[places] for places in _groups(numbers[own])] for own in self._by_label
            ]

    def items(self, epoch: int) -> IntArray:
        """Return the images of an epoch in order.

        Parameters
        ----------
        epoch : int

        Returns
        -------
        int64, shape (n,), values in 0..n-1
        """
        generator = np.random.default_rng((self._seed, epoch))
        if self._by_session:
            groups = zip(self._by_session, self._by_label, strict=True)
            parts = [_deal(generator, len(own), sessions) for sessions, own in groups]
            items = np.concatenate(parts)
        elif self._by_label:
            items = _deal(generator, self._n, self._by_label)
        else:
            items = np.arange(self._n)
        if self._shuffle:
            generator.shuffle(items)
        elif self._by_label:
            items.sort()
        return items


def _groups(keys: IntArray) -> list[IntArray]:
    """Return the positions of each distinct key, in ascending order of keys."""
    order = np.argsort(keys, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)


def _deal(generator: np.random.Generator, n: int, groups: Sequence[IntArray]) -> IntArray:
    """Divide `n` evenly among groups, and the share of each group among its items."""
    parts = [
        np.repeat(items, _even_shares(generator, share, len(items)))
        for items, share in zip(groups, _even_shares(generator, n, len(groups)), strict=True)
    ]
    return np.concatenate(parts)


def _even_shares(generator: np.random.Generator, n: int, n_groups: int) -> IntArray:
    """Divide `n` into integer shares that differ by at most one, the larger ones at random."""
    shares = np.full(n_groups, n // n_groups)
    shares[generator.choice(n_groups, n % n_groups, replace=False)] += 1
    return shares
