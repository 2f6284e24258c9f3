"""In what order an epoch shows its images, and how often each: nothing but (seed, epoch) decides.

Balanced epochs are dealt rather than drawn: where seven labels share a hundred places, each gets
fourteen or fifteen, and which get fifteen is left to chance. So every label is shown equally often
in expectation and nearly so in each epoch, and no image comes again before all others of its
group have come.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from birdsong.arrays import IntArray
from birdsong.errors import ConfigError

SAMPLINGS = ("plain", "class-balanced", "session-balanced")


def check_sampling(sampling: str) -> None:
    """See that there is such a sampling.

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
        Every image once; every label equally often; or labels as often as they are, but every
        session equally often within its label. An epoch is as long as it would be otherwise.
    shuffle : bool
        Without it images come in their own order, or dealt ones sorted.
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
        # Groups within groups, down to images; an epoch is dealt from the top.
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
        """Tell which images an epoch shows, one after the other.

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
            parts = [_dealt(generator, len(own), sessions) for sessions, own in groups]
            items = np.concatenate(parts)
        elif self._by_label:
            items = _dealt(generator, self._n, self._by_label)
        else:
            items = np.arange(self._n)
        if self._shuffle:
            generator.shuffle(items)
        elif self._by_label:
            items.sort()
        return items


def _groups(keys: IntArray) -> list[IntArray]:
    """The places of each key, keys from the lowest."""
    order = np.argsort(keys, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)


def _dealt(generator: np.random.Generator, n: int, groups: Sequence[IntArray]) -> IntArray:
    """Deal `n` places to groups, and the places of a group to its items."""
    parts = [
        np.repeat(items, _shares(generator, share, len(items)))
        for items, share in zip(groups, _shares(generator, n, len(groups)), strict=True)
    ]
    return np.concatenate(parts)


def _shares(generator: np.random.Generator, n: int, among: int) -> IntArray:
    """Divide `n` into whole shares that differ by no more than one; chance says who gets more."""
    shares = np.full(among, n // among)
    shares[generator.choice(among, n % among, replace=False)] += 1
    return shares
