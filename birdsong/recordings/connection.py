"""HTTP requests with a rate limit and retries, which never reveal a key.

This is the only module that opens network connections. All threads share one rate limit. A request
that fails for a while is repeated after growing pauses, and ``Retry-After`` is obeyed. Messages
name the host and the path of a URL, never its query, which may hold a key.
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
_MAX_WAIT_S = 300.0
_MAX_RESPONSE_BYTES = 100_000_000  # a page of 500 rows has a million
_STATUS_MEANINGS = {
    401: "the key is missing or not accepted; get one on your account page there",
    403: "access is refused",
    404: "not found",
}


class TransientNetworkError(NetworkError):
    """A request or a transfer failed; another try may work."""


class RangeError(TransientNetworkError):
    """A server does not have the requested range of a file; a whole download may work."""


class Connection:
    """Requests to one or more servers.

    Parameters
    ----------
    requests_per_s : float
        Rate limit of all threads together, greater than 0.
    n_tries : int
        Number of tries before a request fails, 1 or more.
    timeout_s : float
        Longest time without a byte before a transfer counts as interrupted.
    sleep : callable, optional
        Waits for a number of seconds. By default `stop` ends the wait.

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
        self._interval_s = 1 / requests_per_s
        self._n_tries = n_tries
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._next_s = 0.0
        # httpx logs every URL with its key; httpcore logs responses, which may repeat the URL.
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
        """End the requests of all threads, and refuse new ones."""
        self._stopped.set()
        with self._lock:
            for each in self._sockets:
                _shut_down(each)

    def get_json(self, url: str, query: Mapping[str, str | int], *, secret: str = "") -> Any:
        """Request a JSON document.

        Parameters
        ----------
        url : str
            An ``https`` URL, or any URL of this machine.
        query : mapping
            Parameters of the query; they appear in no message.
        secret : str
            Part of the query, such as a key, that is removed from the response.

        Returns
        -------
        object
            The parsed JSON.

        Raises
        ------
        NetworkError
            If the server cannot be reached, refuses, or does not send JSON.
        """

        def request() -> Any:
            with self._response(url, query=query) as response:
                content = _read_content(response, url)
                if secret:
                    content = content.replace(secret.encode(), b"(key)")
                try:
                    return json.loads(content)
                except (ValueError, RecursionError):
                    kind = response.headers.get("content-type", "nothing")
                    raise NetworkError(
                        f"{host_and_path(url)}: expected JSON, got {kind.partition(';')[0]}"
                    ) from None

        return self.retry(request)

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a streamed download, in one try; redirects are followed.

        Raises
        ------
        NetworkError
            If the server cannot be reached or refuses; `TransientNetworkError` where another try
            may work.
        """
        with self._response(url, headers=headers, follow=True) as response:
            yield response

    def retry(self, operation: Callable[[], Any]) -> Any:
        """Repeat an operation that raises `TransientNetworkError`, up to ``n_tries`` times."""
        for number in range(self._n_tries):
            try:
                return operation()
            except TransientNetworkError as error:
                if number + 1 == self._n_tries or self._stopped.is_set():
                    raise NetworkError(f"{error}; tried {self._n_tries} times") from error
                self._sleep(min(60.0, 2.0**number) * (0.5 + random.random()))  # spread the threads
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
        parts = _parse_url(url)
        self._wait_for_rate_limit()
        if self._stopped.is_set():
            raise NetworkError(f"{host_and_path(url)}: the connection was stopped")
        try:
            with self._client.stream(
                "GET",
                url,
                params=query,
                headers=headers,
                follow_redirects=follow,
                extensions={"trace": self._trace},
            ) as response:
                _parse_url(str(response.url))  # the end of the redirects
                self._raise_for_status(response, url)
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The message and the request of the exception hold the URL: both are replaced.
            reason = type(error).__name__
            if isinstance(error, httpx.RequestError):
                error.request = httpx.Request("GET", f"https://{parts.hostname}")
            raise TransientNetworkError(
                f"{host_and_path(url)}: the connection failed ({reason})"
            ) from None

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember each new socket, so that `stop` can close it."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        connected = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._sockets.add(connected)
            if self._stopped.is_set():
                _shut_down(connected)

    def _raise_for_status(self, response: httpx.Response, url: str) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status == 429 or status >= 500:
            wait_s = _retry_after_s(response.headers.get("retry-after", ""))
            problem = "too many requests" if status == 429 else "server error"
            if wait_s > _MAX_WAIT_S:
                raise NetworkError(
                    f"{host_and_path(url)}: {problem} ({status}); "
                    f"it asks for a new request in {wait_s:.0f} s"
                )
            with self._lock:
                self._next_s = max(self._next_s, time.monotonic() + wait_s)
            raise TransientNetworkError(f"{host_and_path(url)}: {problem} ({status})")
        if status == 416:
            raise RangeError(f"{host_and_path(url)}: the requested range does not exist ({status})")
        if 300 <= status < 400:
            raise NetworkError(
                f"{host_and_path(url)}: redirects to another address, which is not allowed"
            )
        meaning = _STATUS_MEANINGS.get(status, "the request was refused")
        raise NetworkError(f"{host_and_path(url)}: {meaning} (status {status})")

    def _wait_for_rate_limit(self) -> None:
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(now_s, self._next_s)
            self._next_s = turn_s + self._interval_s
        if turn_s > now_s:
            self._sleep(turn_s - now_s)


def _shut_down(connected: socket.socket) -> None:
    """Shut a socket down, even if another thread waits for it."""
    with suppress(OSError):  # it is closed already
        connected.shutdown(socket.SHUT_RDWR)


def host_and_path(url: str) -> str:
    """Host and path of a URL: the part that messages may show."""
    parts = urlsplit(url)
    return f"{parts.hostname or '?'}{parts.path}"


def _parse_url(url: str) -> SplitResult:
    """Parse a URL and check that requests to it are allowed."""
    try:
        parts = urlsplit(url)
        is_url = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise NetworkError(f"{url.partition('?')[0]!r} is not a URL; expected https://…")
    if parts.scheme == "https" or parts.hostname in _LOOPBACK:
        return parts
    raise NetworkError(f"{host_and_path(url)}: expected a URL that begins with https://")


def _read_content(response: httpx.Response, url: str) -> bytes:
    """Read a whole response, up to the maximum size."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _MAX_RESPONSE_BYTES:
            raise NetworkError(
                f"{host_and_path(url)}: the response is larger than {_MAX_RESPONSE_BYTES} bytes"
            )
    return bytes(content)


def _retry_after_s(header: str) -> float:
    """Seconds to wait by a ``Retry-After`` header, which holds seconds or a date."""
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
    if until.tzinfo is None:  # "-0000" means UTC
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _drop_record(record: logging.LogRecord) -> bool:
    return False
