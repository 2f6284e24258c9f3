"""Reading many PNGs at once into one array.

The files of `png.encode_png` differ only in their pixels and two checksums: the bytes before and
after the pixels are known. So files are read into one array, compared with the known bytes, checked
by their checksums, and copied together. Any other PNG is read by `png.read_png`, one by one.
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
from birdsong.sound.spectrogram import SpectrogramConfig

_AT_A_TIME = 32  # images: 420 kB of the default's, which stay in the processor's cache
_MOST_STORED = 0xFFFF  # bytes of a single stored block


class PngReader:
    """Reads images that were made with one config, faster than one by one.

    Threads may share it.

    Parameters
    ----------
    config : SpectrogramConfig
        Of the images. Images with another config of the same shape are read too, but one by one;
        so are images of more than 64 kB, which zlib stores in several blocks.
    """

    def __init__(self, config: SpectrogramConfig) -> None:
        self._shape = height, width = config.shape
        self._n_pixels = height * (1 + width)  # bytes: before each line its filter
        stored = _stored_block(self._n_pixels)
        black = encode_png(np.zeros(config.shape, np.uint8), fingerprint=config.fingerprint())
        # The chunk of the pixels, from its kind to its last byte: header of zlib, header of its
        # only stored block, lines, checksum of zlib.
        self._kind_at = black.index(b"IDAT")
        self._lines_at = self._kind_at + 4 + 2 + len(stored)
        self._check_at = self._lines_at + self._n_pixels + 4
        self._n_bytes = len(black)
        self._is_known = bool(stored) and black[: self._lines_at].endswith(stored)
        self._before = np.frombuffer(black, np.uint8, self._lines_at)
        self._after = np.frombuffer(black, np.uint8, offset=self._check_at + 4)

    def read(self, paths: Sequence[str]) -> ImageArray:
        """Read images.

        Parameters
        ----------
        paths : sequence of str, length n

        Returns
        -------
        uint8, shape (n, n_mels, n_frames)

        Raises
        ------
        DatasetError
            If a file is missing, damaged, no PNG, of another shape, or not in 8-bit grey; the
            message names it.
        """
        images = np.empty((len(paths), *self._shape), np.uint8)
        if not self._is_known:
            for image, path in zip(images, paths, strict=True):
                image[...] = read_png(Path(path), self._shape)
            return images
        height, width = self._shape
        # One byte more than an image has, to detect a longer file.
        block = np.empty((min(len(paths), _AT_A_TIME), self._n_bytes + 1), np.uint8)
        for part in _parts(len(paths)):
            own = paths[part]
            files = block[: len(own)]
            known = self._load(own, files)
            lines = files[:, self._lines_at : self._lines_at + self._n_pixels]
            lines = lines.reshape(len(own), height, 1 + width)
            known &= ~lines[:, :, 0].any(axis=1)
            images[part] = lines[:, :, 1:]
            for place in np.flatnonzero(~known).tolist():
                images[part.start + place] = read_png(Path(own[place]), self._shape)
        return images

    def _load(self, paths: Sequence[str], files: ImageArray) -> BoolArray:
        """Read files into the rows of an array; return which have the expected content."""
        known = np.ones(len(paths), bool)
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


def _stored_block(n_bytes: int) -> bytes:
    """The header of a stored block of zlib that is the only one; empty where one does not do."""
    if n_bytes > _MOST_STORED:
        return b""
    return b"\x01" + n_bytes.to_bytes(2, "little") + (n_bytes ^ 0xFFFF).to_bytes(2, "little")


def _parts(n: int) -> Iterator[slice]:
    for first in range(0, n, _AT_A_TIME):
        yield slice(first, min(first + _AT_A_TIME, n))
