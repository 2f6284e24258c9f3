"""Loads training calls of several batches, from the memory of the device or of the host."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from benchmarks import feed_images
from birdsong.arrays import ImageArray, IntArray
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

if TYPE_CHECKING:
    from benchmarks.gpu_training import Training

Call: TypeAlias = Callable[[], float]
"""Trains on some batches, and returns the loss of the last."""

_CALLS_AHEAD = 2  # besides the current one; limits the memory


class CallLoader:
    """Yields the calls of an epoch, each with its data on the device.

    Parameters
    ----------
    training : Training
    images : uint8, shape (n, 64, 200)
    labels : int, shape (n,)
    batch_size, steps_per_call : int
        As in `split_into_calls`.
    on_device : bool
        Keep all images in the memory of the device.
    n_readers : int
        Threads that gather images in host memory.

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
        self._call_size = (batch_size, steps_per_call)
        self.steps_per_call = split_into_calls(np.arange(self.n_images), *self._call_size).shape[1]
        self._images: ImageArray | None = None
        self._labels = labels.astype(np.int32)
        if on_device:
            training.load(images, labels)
        else:
            self._images = images
        # One thread transfers calls to the device in order; others gather the batches of a call.
        self._transfer = ThreadPoolExecutor(1, thread_name_prefix="transfer")
        self._readers = ThreadPoolExecutor(n_readers, thread_name_prefix="gather")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transfer.shutdown(cancel_futures=True)
        self._readers.shutdown()

    def epoch(self, number: int) -> Iterator[Call]:
        """Yield the calls of an epoch, in a random order of its own."""
        order = np.random.default_rng((2, number)).permutation(self.n_images)
        ahead: deque[Future[Call]] = deque()
        for places in split_into_calls(order, *self._call_size):
            ahead.append(self._transfer.submit(self._prepare_call, places))
            if len(ahead) > _CALLS_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _prepare_call(self, places: IntArray) -> Call:
        """Transfer the data of a call to the device."""
        if self._images is None:
            on_device = self._training.to_device(places)
            return lambda: self._training.train_indices(on_device)
        images = self._training.to_device(self._gather(self._images, places))
        labels = self._training.to_device(self._labels[places])
        return lambda: self._training.train(images, labels)

    def _gather(self, held: ImageArray, places: IntArray) -> ImageArray:
        call = np.empty((*places.shape, *held.shape[1:]), np.uint8)

        def gather(step: int) -> Any:  # mode "clip" avoids a copy
            return np.take(held, places[step], axis=0, out=call[step], mode="clip")

        list(self._readers.map(gather, range(len(places))))
        return call


def random_image_array(n_images: int) -> ImageArray:
    """Random images, all different: uint8 (n_images, 64, 200)."""
    images = np.empty((n_images, *SPECTROGRAM_SHAPE), np.uint8)
    first = 0
    for some in feed_images.random_images(n_images):
        images[first : first + len(some)] = some
        first += len(some)
    return images


def split_into_calls(order: IntArray, batch_size: int, steps_per_call: int) -> IntArray:
    """Split the order of an epoch into calls of equally many whole batches.

    Parameters
    ----------
    order : int, shape (n_images,)
    batch_size : int
    steps_per_call : int
        Maximum; fewer if that needs less padding.

    Returns
    -------
    int32, shape (n_calls, n_steps, batch_size)
        `order`, padded with its beginning to fill the last call.
    """
    n_steps = -(-len(order) // batch_size)
    n_calls = -(-n_steps // steps_per_call)
    shape = (n_calls, -(-n_steps // n_calls), batch_size)
    return np.resize(order, shape).astype(np.int32)
