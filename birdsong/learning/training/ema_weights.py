"""Exponential moving average (EMA) of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


class EmaCallback(keras.callbacks.SwapEMAWeights):  # type: ignore[misc]
    """Validates and saves the moving average of the weights instead of the weights.

    Training continues with the weights themselves; the checkpoint after an epoch holds both.

    References
    ----------
    .. [1] Polyak & Juditsky (1992), Acceleration of stochastic approximation by averaging.
    .. [2] Izmailov, Podoprikhin, Garipov, Vetrov & Wilson (2018), Averaging weights leads to wider
       optima and better generalization, UAI.
    """

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=False)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Replace the weights by their average within the context."""
        self._swap_variables()
        try:
            yield
        finally:
            self._swap_variables()
