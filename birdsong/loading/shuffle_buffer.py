"""The shuffle buffer: a packed copy larger than memory, read sequentially and still shuffled.

An epoch is a sequence of windows. A window is a few random shards, which are read sequentially, and
its images are shuffled in memory. One thread reads ahead: while batches are made from a window, it
reads the next. At most two windows are in memory, and the system's cache does not keep the files.
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
"""Maximum size of a window, unless it is a single shard: eight full shards."""
MEMORY_SHARE = 0.5
"""A packed copy that is larger than this share of the machine's memory is read by windows."""

_READ_BYTES = 8 * 2**20
_N_BUFFERS = 2


def image_memory_bytes() -> int:
    """Return how many bytes of images the system can be expected to cache.

    This depends on the total memory, not on the free memory, because it decides the order of an
    epoch, and a resumed training needs the order that it began with.
    """
    return round(MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


@dataclass(frozen=True, slots=True)
class Window:
    """Some shards, and the range of an epoch that holds their images.

    Attributes
    ----------
    shards : tuple of int
        Their numbers, ascending.
    first, end : int
        First position in the epoch, and the end (exclusive).
    """

    shards: tuple[int, ...]
    first: int
    end: int


def order_by_windows(
    shards: IntArray, shards_per_window: int, *, seed: int, epoch: int
) -> tuple[IntArray, list[Window]]:
    """Order an epoch by windows, and keep the order within each window.

    Parameters
    ----------
    shards : int, shape (n,)
        The shard of each image of the epoch, in the order before.
    shards_per_window : int
    seed, epoch : int
        They decide which shards share a window.

    Returns
    -------
    order : int64, shape (n,)
        The image at position ``order[i]`` before is at position ``i``.
    windows : list of Window
    """
    present = np.unique(shards)
    ranks = np.empty(present[-1] + 1, np.int64)
    ranks[present] = np.random.default_rng((seed, epoch, 1)).permutation(len(present))
    window_of = ranks[shards] // shards_per_window
    order = np.argsort(window_of, kind="stable")
    ends = np.cumsum(np.bincount(window_of)).tolist()
    windows = []
    for number, (first, end) in enumerate(itertools.pairwise([0, *ends])):
        own = present[ranks[present] // shards_per_window == number]
        windows.append(Window(tuple(own.tolist()), first, end))
    return order, windows


class WindowReader:
    """Reads the images of one epoch by windows, in a thread of its own.

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
        self._windows_in_memory: dict[int, ImageArray] = {}
        self._free: list[ImageArray] = []
        self._n_buffers = 0
        self._error: Exception | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon, so that a program can end without closing it.
        self._thread = threading.Thread(
            target=self._read_ahead, name="birdsong-feed-reader", daemon=True
        )
        self._thread.start()

    @property
    def n_buffers(self) -> int:
        """Number of windows allocated so far."""
        return self._n_buffers

    def read(self, first: int, end: int) -> ImageArray:
        """Return the images of a range of the epoch; each range once, from any thread.

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
            buffer = self._wait_for_window(number)
            places = self._rows_in_buffer(number, self._rows[at:until])
            np.take(buffer, places, axis=0, out=images[at - first : until - first], mode="clip")
            del buffer
            self._release(number, until - at)
            at, number = until, number + 1
        return images

    def close(self) -> None:
        """Stop reading ahead, wake waiting threads, and wait for the reading thread to end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if not sys.is_finalizing():  # a daemon does not run any more, and never ends
            self._thread.join()
        self._windows_in_memory.clear()
        self._free.clear()

    def _wait_for_window(self, number: int) -> ImageArray:
        with self._changed:
            while number not in self._windows_in_memory:
                if self._error:
                    raise self._error
                if self._is_closed:
                    raise DatasetError(f"{self._source.folder}: reading was broken off")
                self._changed.wait()
            return self._windows_in_memory[number]

    def _release(self, number: int, n: int) -> None:
        with self._changed:
            self._remaining[number] -= n
            if self._remaining[number] == 0 and number in self._windows_in_memory:
                self._free.append(self._windows_in_memory.pop(number))
                self._changed.notify_all()

    def _rows_in_buffer(self, number: int, rows: IntArray) -> IntArray:
        """Return the positions of rows in the buffer of a window."""
        shards = np.array(self._windows[number].shards)
        firsts = self._source.first_rows[shards]
        lengths = self._source.first_rows[shards + 1] - firsts
        own = np.searchsorted(firsts, rows, side="right") - 1
        places: IntArray = rows - firsts[own] + (np.cumsum(lengths) - lengths)[own]
        return places

    def _read_ahead(self) -> None:
        try:
            for number, window in enumerate(self._windows):
                buffer = self._free_buffer()
                if buffer is None:
                    return
                at = 0
                for shard in (self._source.shards[i] for i in window.shards):
                    if not self._read_shard(shard, buffer[at : at + shard.n_images]):
                        return
                    at += shard.n_images
                with self._changed:
                    self._windows_in_memory[number] = buffer
                    self._changed.notify_all()
        except Exception as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _free_buffer(self) -> ImageArray | None:
        """Wait for a free buffer; None if the reader was closed."""
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

    def _read_shard(self, shard: Shard, buffer: ImageArray) -> bool:
        """Read one shard sequentially; False if the reader was closed."""
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


def shards_per_window(source: PackedStore, window_bytes: int) -> int:
    """Return how many shards a window may hold, at least one."""
    largest = max(shard.n_images for shard in source.shards) * source.image_bytes
    return max(1, window_bytes // largest)


def _advise(descriptor: int, advice: str) -> None:
    """Advise the system how a file is read, if it supports that."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, getattr(os, advice))
