"""Images as 8-bit grey PNGs: a column per frame, a row per mel band, with the config's fingerprint.

They are uncompressed and unfiltered: larger than compressed ones, but written and read several
times faster, with only Python's zlib. Any viewer opens them. PNGs that another program compressed
are read by Pillow. ``birdsong bench png`` measures both.

References
----------
.. [1] Portable Network Graphics, third edition, W3C (2025): chunks in section 5, filters in 9.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from birdsong.arrays import ImageArray
from birdsong.errors import DatasetError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FINGERPRINT_KEY = b"birdsong-fingerprint"
_DAMAGE = (struct.error, zlib.error, OSError, SyntaxError, ValueError)


def encode_png(image: ImageArray, *, fingerprint: str, level: int = 0) -> bytes:
    """Write an image as the bytes of an 8-bit grey PNG.

    Parameters
    ----------
    image : uint8, shape (n_mels, n_frames)
    fingerprint : str
        Of the config that the image was made with; kept in a text chunk.
    level : int, 0 to 9
        Of zlib's compression. 0 stores, which is fastest to write and to read.

    Returns
    -------
    bytes
    """
    height, width = image.shape
    lines = np.zeros((height, 1 + width), np.uint8)  # before each line its filter: none
    lines[:, 1:] = image
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", _header(image.shape)),
            _chunk(b"tEXt", _FINGERPRINT_KEY + b"\0" + fingerprint.encode("latin-1")),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), level)),
            _chunk(b"IEND", b""),
        )
    )


def read_png(path: Path, shape: tuple[int, int]) -> ImageArray:
    """Read an image back.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Rows and columns that it must have: ``config.shape`` of the images.

    Returns
    -------
    uint8, of that shape

    Raises
    ------
    DatasetError
        If the file is missing, damaged, no PNG, of another shape, or not in 8-bit grey.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such image") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    return decode_png(content, str(path), shape)


def decode_png(content: bytes, where: str, shape: tuple[int, int]) -> ImageArray:
    """Read an image from the bytes of a PNG.

    Parameters
    ----------
    content : bytes
    where : str
        The file's name in error messages.
    shape : (int, int)
        Rows and columns that it must have.

    Returns
    -------
    uint8, of that shape

    Raises
    ------
    DatasetError
        If it is damaged, no PNG, of another shape, or not in 8-bit grey.
    """
    height, width = shape
    try:
        header, data = _checked_chunks(content)
        if header == _header(shape):
            # Limited to the size of the lines: a few bytes may decompress to gigabytes.
            unpacked = zlib.decompressobj().decompress(data, height * (1 + width) + 1)
            lines = np.frombuffer(unpacked, np.uint8).reshape(height, 1 + width)
            if not lines[:, 0].any():
                return lines[:, 1:]
        return _decode_with_pillow(content, where, shape)
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise DatasetError(f"{where}: cannot be read as a PNG ({error})") from error


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _header(shape: tuple[int, ...]) -> bytes:
    """The IHDR chunk: width, height, 8 bits, grey, standard compression, no interlacing."""
    height, width = shape
    return struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)


def _checked_chunks(content: bytes) -> tuple[bytes, bytes]:
    """Return the header and the compressed lines, every checksum of the file tested."""
    if content[: len(_SIGNATURE)] != _SIGNATURE:
        raise ValueError("it does not begin as a PNG does")
    at = len(_SIGNATURE)
    header, data = b"", []
    while True:
        (length,) = struct.unpack_from(">I", content, at)
        kind = content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", content, at + 8 + length)
        if check != zlib.crc32(body, zlib.crc32(kind)):
            raise ValueError(f"the checksum of its chunk {kind!r} is wrong")
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data.append(body)
        elif kind == b"IEND":
            return header, data[0] if len(data) == 1 else b"".join(data)
        at += 12 + length


def _decode_with_pillow(content: bytes, where: str, shape: tuple[int, int]) -> ImageArray:
    height, width = shape
    with Image.open(io.BytesIO(content), formats=("PNG",)) as opened:
        if opened.size != (width, height) or opened.mode != "L":
            raise DatasetError(
                f"{where}: expected an image of {width} x {height} in 8-bit grey, got "
                f"{opened.size[0]} x {opened.size[1]} in mode {opened.mode}"
            )
        return np.asarray(opened)
