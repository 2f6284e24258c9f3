"""The connection to a server: polite, patient, and silent about keys.

This is the only module that opens a network connection. Requests of all threads together keep to a
rate; what fails for a while is tried again, later each time; a server that says when to come back
is obeyed. Messages name a host and a path, never a query, in which a key may stand.
"""

from __future__ import annotations

import email.utils
import json
import logging
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import httpx

import birdsong
from birdsong.errors import NetworkError

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LONGEST_WAIT_S = 300.0
_LARGEST_ANSWER = 100_000_000  # bytes; a page of 500 rows has one million
_MEANINGS = {
    401: "the key is missing or not accepted; get one on your account page there",
    403: "access is refused",
    404: "there is no such thing",
}


class TransientNetworkError(NetworkError):
    """What was being sent broke off, or could not be asked for: it may work another time."""


class RangeError(TransientNetworkError):
    """A server has no such piece of a file: it may work from the beginning."""


class Connection:
    """Requests to one or more servers.

    Parameters
    ----------
    requests_per_s : float
        Of all threads together, greater than 0.
    n_tries : int
        How often a request is made before it counts as failed, 1 or more.
    timeout_s : float
        Without a byte, an answer counts as broken off.
    sleep : callable, optional
        Waits so many seconds; by default so that `stop` ends it.

    Examples
    --------
    >>> with Connection() as connection:  # doctest: +SKIP
    ...     connection.get_json("https://xeno-canto.org/api/3/recordings", {"query": "gen:turdus"})
    """

    def __init__(
        self,
        *,
        requests_per_s: float = 1.0,
        n_tries: int = 6,
        timeout_s: float = 30.0,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._spacing_s = 1 / requests_per_s
        self._n_tries = n_tries
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._next_s = 0.0
        # httpx writes every address it asks for into its log, keys and all; httpcore what servers
        # answer, which may be the address again.
        logging.getLogger("httpx").addFilter(_drop_record)
        logging.getLogger("httpcore").setLevel(logging.INFO)
        self._client = httpx.Client(
            timeout=timeout_s, headers={"User-Agent": f"birdsong/{birdsong.__version__}"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def stop(self) -> None:
        """Break off what other threads ask for, and let them ask for nothing more."""
        self._stopped.set()
        with self._lock:
            for each in self._open:
                _shut(each)

    def get_json(self, url: str, query: Mapping[str, str | int], *, secret: str = "") -> Any:
        """Ask for a document.

        Parameters
        ----------
        url : str
            ``https``, or any scheme on this machine itself.
        query : mapping
            Sent with it; never told in a message.
        secret : str
            What of the query must not come back: it is left out of the answer.

        Returns
        -------
        object
            What the JSON holds.

        Raises
        ------
        NetworkError
            If the server cannot be reached, refuses, or answers with anything but JSON.
        """

        def ask() -> Any:
            with self._response(url, query=query) as response:
                content = _content(response, url)
                if secret:
                    content = content.replace(secret.encode(), b"(key)")
                try:
                    return json.loads(content)
                except (ValueError, RecursionError):
                    kind = response.headers.get("content-type", "nothing")
                    raise NetworkError(
                        f"{host_and_path(url)}: expected JSON, got {kind.partition(';')[0]}"
                    ) from None

        return self.retry(ask)

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open what is to be downloaded, following where the server sends on to; once.

        Raises
        ------
        NetworkError
            If the server cannot be reached or refuses; `TransientNetworkError` where another try
            may work.
        """
        with self._response(url, headers=headers, follow=True) as response:
            yield response

    def retry(self, do: Callable[[], Any]) -> Any:
        """Do something that may be interrupted, until it is done or was tried often enough."""
        for number in range(self._n_tries):
            try:
                return do()
            except TransientNetworkError as error:
                if number + 1 == self._n_tries or self._stopped.is_set():
                    raise NetworkError(f"{error}; tried {self._n_tries} times") from error
                self._sleep(min(60.0, 2.0**number) * (0.5 + random.random()))  # not all at once
        raise AssertionError("unreachable")

    @contextmanager
    def _response(
        self,
        url: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = False,
    ) -> Iterator[httpx.Response]:
        parts = _checked(url)
        self._wait_for_a_turn()
        if self._stopped.is_set():
            raise NetworkError(f"{host_and_path(url)}: not asked for any more")
        try:
            with self._client.stream(
                "GET",
                url,
                params=query,
                headers=headers,
                follow_redirects=follow,
                extensions={"trace": self._trace},
            ) as response:
                _checked(str(response.url))  # where it was sent on to
                self._judge(response, url)
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its own words and its request hold the address; neither goes on.
            reason = type(error).__name__
            if isinstance(error, httpx.RequestError):
                error.request = httpx.Request("GET", f"https://{parts.hostname}")
            raise TransientNetworkError(
                f"{host_and_path(url)}: the connection failed ({reason})"
            ) from None

    def _trace(self, event: str, told: Mapping[str, Any]) -> None:
        """Let `stop` find each socket from the moment that it is connected."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        opened = told["return_value"].get_extra_info("socket")
        with self._lock:
            self._open.add(opened)
            if self._stopped.is_set():
                _shut(opened)

    def _judge(self, response: httpx.Response, url: str) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status == 429 or status >= 500:
            wait_s = _retry_after_s(response.headers.get("retry-after", ""))
            what = "too many requests" if status == 429 else "the server is in trouble"
            if wait_s > _LONGEST_WAIT_S:
                raise NetworkError(
                    f"{host_and_path(url)}: {what} ({status}); "
                    f"it asks to come back in {wait_s:.0f} s"
                )
            with self._lock:
                self._next_s = max(self._next_s, time.monotonic() + wait_s)
            raise TransientNetworkError(f"{host_and_path(url)}: {what} ({status})")
        if status == 416:
            raise RangeError(f"{host_and_path(url)}: there is no such piece of it ({status})")
        if 300 <= status < 400:
            raise NetworkError(
                f"{host_and_path(url)}: sends on to another address, which is not expected"
            )
        meaning = _MEANINGS.get(status, "the request is refused")
        raise NetworkError(f"{host_and_path(url)}: {meaning} (status {status})")

    def _wait_for_a_turn(self) -> None:
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(now_s, self._next_s)
            self._next_s = turn_s + self._spacing_s
        if turn_s > now_s:
            self._sleep(turn_s - now_s)


def _shut(opened: socket.socket) -> None:
    """End a connection whichever thread waits for it."""
    with suppress(OSError):  # it has ended by itself
        opened.shutdown(socket.SHUT_RDWR)


def host_and_path(url: str) -> str:
    """Host and path of an address: what may be told of it."""
    parts = urlsplit(url)
    return f"{parts.hostname or '?'}{parts.path}"


def _checked(url: str) -> SplitResult:
    """Take an address apart that may be asked."""
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise NetworkError(f"{url.partition('?')[0]!r} is no address; expected https://…")
    if parts.scheme == "https" or parts.hostname in _LOOPBACK:
        return parts
    raise NetworkError(f"{host_and_path(url)}: expected an address that begins with https://")


def _content(response: httpx.Response, url: str) -> bytes:
    """Read an answer to its end, unless it has none."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _LARGEST_ANSWER:
            raise NetworkError(
                f"{host_and_path(url)}: its answer is larger than {_LARGEST_ANSWER} bytes"
            )
    return bytes(content)


def _retry_after_s(header: str) -> float:
    """Seconds that a server asks to wait; it may tell them, or a date."""
    if not header:
        return 0.0
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    if until.tzinfo is None:  # "-0000": Greenwich's time, from somewhere
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _drop_record(record: logging.LogRecord) -> bool:
    return False
