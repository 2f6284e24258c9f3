"""A slice of a file, as a file object of its own."""

from __future__ import annotations

import io
from typing import BinaryIO


class FileSlice(io.RawIOBase):
    """A read-only file of a prefix and a range of bytes of another file.

    Parameters
    ----------
    file : binary file
        Seekable; closed together with the slice.
    start, end : int
        The range, in bytes.
    prefix : bytes, optional
        Bytes before the range, such as a corrected header.
    """

    def __init__(self, file: BinaryIO, start: int, end: int, *, prefix: bytes = b"") -> None:
        self._file, self._start, self._prefix = file, start, prefix
        self._size = len(prefix) + max(0, end - start)
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset; a negative one becomes 0."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into a buffer and return the number of bytes read."""
        n_wanted = min(len(buffer), max(0, self._size - self._at))
        n_head = max(0, min(n_wanted, len(self._prefix) - self._at))
        content = self._prefix[self._at : self._at + n_head]
        if n_wanted > n_head:
            self._file.seek(self._start + self._at + n_head - len(self._prefix))
            content += self._file.read(n_wanted - n_head)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        """Close the underlying file."""
        if not self.closed:
            self._file.close()
        super().close()
