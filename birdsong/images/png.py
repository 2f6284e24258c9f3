"""A picture as a PNG: 200 pixels wide, 64 high, 8-bit grey, stamped with how it was made."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from birdsong.arrays import ImageArray
from birdsong.errors import DatasetError
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

_FINGERPRINT_KEY = "birdsong-fingerprint"


def encode_png(picture: ImageArray, *, fingerprint: str) -> bytes:
    """Write a picture as the bytes of an 8-bit grey PNG.

    Parameters
    ----------
    picture : uint8, shape (64, 200)
    fingerprint : str
        Of the config that the picture was made with; kept in a text chunk.

    Returns
    -------
    bytes
    """
    notes = PngImagePlugin.PngInfo()
    notes.add_text(_FINGERPRINT_KEY, fingerprint)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG", pnginfo=notes)
    return content.getvalue()


def read_png(path: Path) -> ImageArray:
    """Read a picture back.

    Returns
    -------
    uint8, shape (64, 200)

    Raises
    ------
    DatasetError
        If the file is missing, is no PNG, or is not 200 x 64 in 8-bit grey.
    """
    height, width = SPECTROGRAM_SHAPE
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.size != (width, height) or image.mode != "L":
                raise DatasetError(
                    f"{path}: expected a picture of {width} x {height} in 8-bit grey, got "
                    f"{image.size[0]} x {image.size[1]} in mode {image.mode}"
                )
            return np.asarray(image)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such picture") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: cannot be read as a PNG ({error})") from error
