"""Many PNGs read at once, into one array.

The images that `png.encode_png` stores differ in nothing but their pixels and two checksums: what
stands before and after the pixels is known before a file is opened. So files are read side by side
into one block, held to what is known and to the checksum of their pixels, and copied out together.
An image that looks any different goes through `png.read_png`, one by one.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from birdsong.arrays import BoolArray, ImageArray
from birdsong.errors import DatasetError
from birdsong.images.png import encode_png, read_png
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

_HEIGHT, _WIDTH = SPECTROGRAM_SHAPE
_N_LINES = _HEIGHT * (1 + _WIDTH)  # bytes: before each line its filter
_AT_A_TIME = 32  # images: 420 kB, which stay in the processor's cache
_STORED = b"\x01" + _N_LINES.to_bytes(2, "little") + (_N_LINES ^ 0xFFFF).to_bytes(2, "little")


class PngReader:
    """Reads images that were made with one config, faster than one by one.

    Threads may share it.

    Parameters
    ----------
    fingerprint : str
        Of the config. Images made with another are read too, but one by one.
    """

    def __init__(self, fingerprint: str) -> None:
        black = encode_png(np.zeros(SPECTROGRAM_SHAPE, np.uint8), fingerprint=fingerprint)
        # The chunk of the pixels, from its kind to its last byte: header of zlib, header of its
        # only stored block, lines, checksum of zlib.
        self._kind_at = black.index(b"IDAT")
        self._lines_at = self._kind_at + 4 + 2 + len(_STORED)
        self._check_at = self._lines_at + _N_LINES + 4
        self._n_bytes = len(black)
        self._is_known = black[self._lines_at - len(_STORED) : self._lines_at] == _STORED
        self._before = np.frombuffer(black, np.uint8, self._lines_at)
        self._after = np.frombuffer(black, np.uint8, offset=self._check_at + 4)

    def read(self, paths: Sequence[str]) -> ImageArray:
        """Read images.

        Parameters
        ----------
        paths : sequence of str, length n

        Returns
        -------
        uint8, shape (n, 64, 200)

        Raises
        ------
        DatasetError
            If a file is missing, damaged, no PNG, or not 200 x 64 in 8-bit grey; the message names
            it.
        """
        images = np.empty((len(paths), *SPECTROGRAM_SHAPE), np.uint8)
        # One byte more than an image has, so that a longer file is seen to be longer.
        block = np.empty((min(len(paths), _AT_A_TIME), self._n_bytes + 1), np.uint8)
        for part in _parts(len(paths)):
            own = paths[part]
            files = block[: len(own)]
            known = self._load(own, files)
            lines = files[:, self._lines_at : self._lines_at + _N_LINES]
            lines = lines.reshape(len(own), _HEIGHT, 1 + _WIDTH)
            known &= ~lines[:, :, 0].any(axis=1)
            images[part] = lines[:, :, 1:]
            for place in np.flatnonzero(~known).tolist():
                images[part.start + place] = read_png(Path(own[place]))
        return images

    def _load(self, paths: Sequence[str], files: ImageArray) -> BoolArray:
        """Read files into the lines of an array; tell which are whole and laid out as ours."""
        known = np.full(len(paths), self._is_known)
        kind_at, check_at, n_bytes = self._kind_at, self._check_at, self._n_bytes
        whole = files.reshape(-1).data
        for i, path in enumerate(paths):
            at = i * (n_bytes + 1)
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise DatasetError(f"{path}: no such image") from error
            except OSError as error:
                raise DatasetError(f"{path}: cannot be read ({error})") from error
            try:
                n_read = os.readv(descriptor, [whole[at : at + n_bytes + 1]])
            except OSError as error:
                raise DatasetError(f"{path}: cannot be read ({error})") from error
            finally:
                os.close(descriptor)
            check = zlib.crc32(whole[at + kind_at : at + check_at])
            found = int.from_bytes(whole[at + check_at : at + check_at + 4], "big")
            known[i] &= n_read == n_bytes and check == found
        known &= (files[:, : self._lines_at] == self._before).all(axis=1)
        known &= (files[:, check_at + 4 : n_bytes] == self._after).all(axis=1)
        return known


def _parts(n: int) -> Iterator[slice]:
    for first in range(0, n, _AT_A_TIME):
        yield slice(first, min(first + _AT_A_TIME, n))
