"""The seal of a folder: a JSON description with the size and hash of each file, and its own hash.

Any changed byte is detected. This protects against accidents and careless edits, not against
tampering, because anyone can compute a new hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from birdsong.errors import BundleError

SEAL = "seal"
"""The field with the hash of the description; it is the last one."""

MAX_FILE_BYTES = 512 * 1024 * 1024

_BEFORE = f',\n "{SEAL}": "'.encode()
_AFTER = b'"\n}\n'


def sealed(description: Mapping[str, Any]) -> bytes:
    """Write a description with its seal.

    Parameters
    ----------
    description : Mapping
        At least one field, none of them `SEAL`.

    Returns
    -------
    bytes
        JSON in UTF-8, with the field `SEAL` added.
    """
    body = json.dumps(description, indent=1).removesuffix("\n}").encode()
    return body + _BEFORE + hashlib.sha256(body).hexdigest().encode() + _AFTER


def is_sealed(content: bytes) -> bool:
    """Whether a description is byte for byte as `sealed` wrote it."""
    body, _, seal = content.rpartition(_BEFORE)
    return seal == hashlib.sha256(body).hexdigest().encode() + _AFTER


def file_facts(content: bytes) -> dict[str, Any]:
    """Return the size and the hash of a file, as in a description."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def checked(folder: Path, name: str, files: Mapping[str, Any]) -> bytes:
    """Read one file and check its size and hash.

    Parameters
    ----------
    folder : Path
    name : str
    files : Mapping
        The facts of each file by its name.

    Raises
    ------
    BundleError
        If the file is missing, too large or altered.
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
    if files[name] != file_facts(content):
        raise BundleError(
            f"{path}: is not the file that the bundle was made with; copy the bundle again"
        )
    return content
