"""A packed copy larger than memory, read in order all the same and shuffled nearly as well.

An epoch is a sequence of windows. A window is a few shards, chosen by chance; they are read from
their first byte to their last, as drives and networks like it, and the images of the window are
shuffled in memory. One thread reads ahead: while a window is fed, the next one is filled. No more
than two windows are ever held, and the system's cache does not keep what was read either.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import ImageArray, IntArray
from birdsong.errors import DatasetError
from birdsong.images.packed import PackedStore, Shard

WINDOW_BYTES = 420_000_000
"""What a window holds at most, unless it is a single shard: eight whole shards."""
MEMORY_SHARE = 0.5
"""Of the machine's memory: what is larger than this share is read by windows."""

_READ_BYTES = 8 * 2**20
_N_BUFFERS = 2


def memory_for_images() -> int:
    """Tell how many bytes of images the system may be expected to keep in its cache.

    All of the machine's memory counts, not what is free at the moment: the order of an epoch
    depends on it, and a training that goes on has to find the order that it began with.
    """
    return round(MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


@dataclass(frozen=True, slots=True)
class Window:
    """Some shards, and the stretch of an epoch that they are for.

    Attributes
    ----------
    shards : tuple of int
        Their numbers, ascending.
    first, end : int
        The first place of the epoch, and the first that no longer belongs to it.
    """

    shards: tuple[int, ...]
    first: int
    end: int


def into_windows(
    shards: IntArray, shards_a_window: int, *, seed: int, epoch: int
) -> tuple[IntArray, list[Window]]:
    """Order an epoch by windows; within a window the order stays as it was.

    Parameters
    ----------
    shards : int, shape (n,)
        The shard of each image of the epoch, in the order in which they would be shown.
    shards_a_window : int
    seed, epoch : int
        Which shards share a window depends on them and on nothing else.

    Returns
    -------
    order : int64, shape (n,)
        What was shown at place ``order[i]`` is shown at place ``i``.
    windows : list of Window
    """
    present = np.unique(shards)
    ranks = np.empty(present[-1] + 1, np.int64)
    ranks[present] = np.random.default_rng((seed, epoch, 1)).permutation(len(present))
    window_of = ranks[shards] // shards_a_window
    order = np.argsort(window_of, kind="stable")
    ends = np.cumsum(np.bincount(window_of)).tolist()
    windows = []
    for number, (first, end) in enumerate(itertools.pairwise([0, *ends])):
        own = present[ranks[present] // shards_a_window == number]
        windows.append(Window(tuple(own.tolist()), first, end))
    return order, windows


class WindowedReading:
    """One epoch read by windows, by a thread of its own.

    Parameters
    ----------
    source : PackedStore
        Of raw images.
    rows : int, shape (n,)
        Rows of ``index.csv``, ordered by windows.
    windows : list of Window
    """

    def __init__(self, source: PackedStore, rows: IntArray, windows: list[Window]) -> None:
        self._source = source
        self._rows = rows
        self._windows = windows
        self._ends = np.array([window.end for window in windows])
        self._remaining = [window.end - window.first for window in windows]
        self._filled: dict[int, ImageArray] = {}
        self._free: list[ImageArray] = []
        self._n_buffers = 0
        self._error: Exception | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon, so that a program that ends without closing is not kept from it.
        self._thread = threading.Thread(target=self._run, name="birdsong-feed-reader", daemon=True)
        self._thread.start()

    @property
    def n_buffers(self) -> int:
        """Windows that memory was taken for so far."""
        return self._n_buffers

    def read(self, first: int, end: int) -> ImageArray:
        """Return the images of a stretch of the epoch; each stretch once, by any thread.

        Parameters
        ----------
        first, end : int

        Returns
        -------
        uint8, shape (end - first, n_mels, n_frames)

        Raises
        ------
        DatasetError
            If a shard cannot be read; the message names it.
        """
        images = np.empty((end - first, *self._source.shape), np.uint8)
        number = int(np.searchsorted(self._ends, first, side="right"))
        at = first
        while at < end:
            until = min(end, self._windows[number].end)
            buffer = self._wait_for(number)
            places = self._places(number, self._rows[at:until])
            np.take(buffer, places, axis=0, out=images[at - first : until - first], mode="clip")
            del buffer
            self._took(number, until - at)
            at, number = until, number + 1
        return images

    def close(self) -> None:
        """Stop reading ahead, and wake whoever waits; the thread has ended when this returns."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if not sys.is_finalizing():  # a daemon does not run any more, and never ends
            self._thread.join()
        self._filled.clear()
        self._free.clear()

    def _wait_for(self, number: int) -> ImageArray:
        with self._changed:
            while number not in self._filled:
                if self._error:
                    raise self._error
                if self._is_closed:
                    raise DatasetError(f"{self._source.folder}: reading was broken off")
                self._changed.wait()
            return self._filled[number]

    def _took(self, number: int, n: int) -> None:
        with self._changed:
            self._remaining[number] -= n
            if self._remaining[number] == 0 and number in self._filled:
                self._free.append(self._filled.pop(number))
                self._changed.notify_all()

    def _places(self, number: int, rows: IntArray) -> IntArray:
        """Where the images of rows lie in the buffer of a window."""
        shards = np.array(self._windows[number].shards)
        firsts = self._source.first_rows[shards]
        lengths = self._source.first_rows[shards + 1] - firsts
        own = np.searchsorted(firsts, rows, side="right") - 1
        places: IntArray = rows - firsts[own] + (np.cumsum(lengths) - lengths)[own]
        return places

    def _run(self) -> None:
        try:
            for number, window in enumerate(self._windows):
                buffer = self._buffer()
                if buffer is None:
                    return
                at = 0
                for shard in (self._source.shards[i] for i in window.shards):
                    if not self._fill(shard, buffer[at : at + shard.n_images]):
                        return
                    at += shard.n_images
                with self._changed:
                    self._filled[number] = buffer
                    self._changed.notify_all()
        except Exception as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _buffer(self) -> ImageArray | None:
        """A buffer to fill, when there is one; none where reading was closed meanwhile."""
        with self._changed:
            while not self._is_closed:
                if self._free:
                    return self._free.pop()
                if self._n_buffers < _N_BUFFERS:
                    self._n_buffers += 1
                    largest = max(
                        sum(self._source.shards[i].n_images for i in window.shards)
                        for window in self._windows
                    )
                    return np.empty((largest, *self._source.shape), np.uint8)
                self._changed.wait()
        return None

    def _fill(self, shard: Shard, buffer: ImageArray) -> bool:
        """Read one shard from its first byte to its last; tell whether it came to its end."""
        path = self._source.folder / shard.file
        whole = buffer.reshape(-1).data
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _advise(descriptor, "POSIX_FADV_SEQUENTIAL")
                at = 0
                while at < shard.n_bytes:
                    if self._is_closed:
                        return False
                    n_read = os.readv(descriptor, [whole[at : at + _READ_BYTES]])
                    if n_read == 0:
                        raise DatasetError(
                            f"{path}: expected {shard.n_bytes} bytes, got {at}; pack again"
                        )
                    at += n_read
                _advise(descriptor, "POSIX_FADV_DONTNEED")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
        return True


def shards_a_window(source: PackedStore, window_bytes: int) -> int:
    """Tell how many shards a window may hold: one at least."""
    largest = max(shard.n_images for shard in source.shards) * source.image_bytes
    return max(1, window_bytes // largest)


def _advise(descriptor: int, advice: str) -> None:
    """Tell the system how a file is read, where it can be told."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, getattr(os, advice))
