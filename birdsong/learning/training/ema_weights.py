"""Averages of the weights, judged and kept in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


class EmaWeights(keras.callbacks.SwapEMAWeights):  # type: ignore[misc]
    """Puts the averages that an optimizer keeps in the place of the weights to be judged.

    Validation looks at the averages, and whoever stands ``in_place`` too; training goes on with
    the weights themselves, and the state that is kept after an epoch holds both.

    References
    ----------
    .. [1] Polyak & Juditsky (1992), Acceleration of stochastic approximation by averaging.
    .. [2] Izmailov, Podoprikhin, Garipov, Vetrov & Wilson (2018), Averaging weights leads to wider
       optima and better generalization, UAI.
    """

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=False)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the averages in the place of the weights."""
        self._swap_variables()
        try:
            yield
        finally:
            self._swap_variables()
