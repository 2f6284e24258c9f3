"""The kinds of recordings that can be uploaded, and how a browser is told to play them."""

from __future__ import annotations

from pathlib import PurePath

MIME_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "aac": "audio/aac",
    "webm": "audio/webm",
    "3gp": "audio/3gpp",
    "aiff": "audio/aiff",
    "aif": "audio/aiff",
}
"""MIME type by ending. What an uploader claims is not passed on: it could be a page's."""


def mime_type(name: str) -> str:
    """Return the MIME type of a recording, by the ending of its name."""
    return MIME_TYPES.get(PurePath(name).suffix.lower().removeprefix("."), "audio/wav")
