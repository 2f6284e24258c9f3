"""A folder whose files are as they were written: a description in JSON holds it to that.

The description tells the size and the hash of each file, and ends with its own hash, so that no
byte changes unseen. That guards against accidents and careless edits; who means to deceive can
write another hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from birdsong.errors import BundleError

SEAL = "seal"
"""The field that holds the hash; it comes last."""

MAX_FILE_BYTES = 512 * 1024 * 1024

_BEFORE = f',\n "{SEAL}": "'.encode()
_AFTER = b'"\n}\n'


def sealed(description: Mapping[str, Any]) -> bytes:
    """Write a description.

    Parameters
    ----------
    description : Mapping
        Of at least one field, none of them `SEAL`.

    Returns
    -------
    bytes
        JSON in UTF-8 with one field more.
    """
    body = json.dumps(description, indent=1).removesuffix("\n}").encode()
    return body + _BEFORE + hashlib.sha256(body).hexdigest().encode() + _AFTER


def is_sealed(content: bytes) -> bool:
    """Tell whether a description is, byte for byte, as `sealed` wrote it."""
    body, _, seal = content.rpartition(_BEFORE)
    return seal == hashlib.sha256(body).hexdigest().encode() + _AFTER


def facts_of(content: bytes) -> dict[str, Any]:
    """Tell the size and the hash of a file, as a description holds them."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def checked(folder: Path, name: str, files: Mapping[str, Any]) -> bytes:
    """Return the content of one file, if it is what the description says.

    Parameters
    ----------
    folder : Path
    name : str
    files : Mapping
        The facts of each file by its name.

    Raises
    ------
    BundleError
        If the file is missing, too large or another one.
    KeyError
        If the description does not name it.
    """
    path = folder / name
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BundleError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    if files[name] != facts_of(content):
        raise BundleError(
            f"{path}: is not the file that the bundle was made with; copy the bundle anew"
        )
    return content
