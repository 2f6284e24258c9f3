"""What a device learns from, a call after the other: from its own memory or from the machine's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from benchmarks import feed_dataset
from birdsong.arrays import ImageArray, IntArray
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

if TYPE_CHECKING:
    from benchmarks.gpu_training import Training

Call: TypeAlias = Callable[[], float]
"""Learns some batches, and returns the loss of the last."""

_CALLS_AHEAD = 2  # beside the one that is learned: bounds the memory


class CallFeed:
    """Epochs of calls, each ready when it is handed out.

    Parameters
    ----------
    training : Training
    images : uint8, shape (n, 64, 200)
    labels : int, shape (n,)
    batch_size, steps_per_call : int
        As `in_calls` takes them.
    on_device : bool
        Hold the images in the device's memory.
    n_readers : int
        Threads that gather images in the machine's memory.

    Attributes
    ----------
    n_images : int
    steps_per_call : int
    """

    def __init__(
        self,
        training: Training,
        images: ImageArray,
        labels: IntArray,
        *,
        batch_size: int,
        steps_per_call: int,
        on_device: bool,
        n_readers: int,
    ) -> None:
        self.n_images = len(images)
        self._training = training
        self._cut = (batch_size, steps_per_call)
        self.steps_per_call = in_calls(np.arange(self.n_images), *self._cut).shape[1]
        self._images: ImageArray | None = None
        self._labels = labels.astype(np.int32)
        if on_device:
            training.hold(images, labels)
        else:
            self._images = images
        # One thread brings calls to the device in order; others gather the batches of a call.
        self._bringer = ThreadPoolExecutor(1, thread_name_prefix="bring")
        self._readers = ThreadPoolExecutor(n_readers, thread_name_prefix="gather")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bringer.shutdown(cancel_futures=True)
        self._readers.shutdown()

    def epoch(self, number: int) -> Iterator[Call]:
        """Hand out the calls of an epoch, in an order of its own."""
        order = np.random.default_rng((2, number)).permutation(self.n_images)
        ahead: deque[Future[Call]] = deque()
        for places in in_calls(order, *self._cut):
            ahead.append(self._bringer.submit(self._brought, places))
            if len(ahead) > _CALLS_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _brought(self, places: IntArray) -> Call:
        """Bring what a call needs to the device."""
        if self._images is None:
            on_device = self._training.to_device(places)
            return lambda: self._training.learn_places(on_device)
        images = self._training.to_device(self._gathered(self._images, places))
        labels = self._training.to_device(self._labels[places])
        return lambda: self._training.learn(images, labels)

    def _gathered(self, held: ImageArray, places: IntArray) -> ImageArray:
        call = np.empty((*places.shape, *held.shape[1:]), np.uint8)

        def gather(step: int) -> Any:  # without "clip" it would go by way of a copy
            return np.take(held, places[step], axis=0, out=call[step], mode="clip")

        list(self._readers.map(gather, range(len(places))))
        return call


def made(n_images: int) -> ImageArray:
    """Make images of noise, no two alike: uint8 (n_images, 64, 200)."""
    images = np.empty((n_images, *SPECTROGRAM_SHAPE), np.uint8)
    first = 0
    for some in feed_dataset.made(n_images):
        images[first : first + len(some)] = some
        first += len(some)
    return images


def in_calls(order: IntArray, batch_size: int, steps_per_call: int) -> IntArray:
    """Cut an epoch's order into calls of as many whole batches each.

    Parameters
    ----------
    order : int, shape (n_images,)
    batch_size : int
    steps_per_call : int
        At most; fewer where that leaves less to fill up.

    Returns
    -------
    int32, shape (n_calls, n_steps, batch_size)
        All of `order`, and its beginning once more to fill the last call.
    """
    n_steps = -(-len(order) // batch_size)
    n_calls = -(-n_steps // steps_per_call)
    shape = (n_calls, -(-n_steps // n_calls), batch_size)
    return np.resize(order, shape).astype(np.int32)
