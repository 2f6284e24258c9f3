"""A local server that imitates the API and downloads of xeno-canto, and their errors."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "s3cret-key-0123456789abcdef"


def row(number: int, **changed: Any) -> dict[str, Any]:
    """A row in the form of the API."""
    return {
        "id": str(number), "gen": "Turdus", "sp": "merula", "ssp": "", "grp": "birds",
        "en": "Common Blackbird", "rec": f"Recordist {number % 7}", "cnt": "Germany",
        "loc": "Berlin, Tiergarten", "lat": "52.5140", "lon": "13.3500", "alt": "35",
        "type": "song", "sex": "male", "stage": "adult", "method": "field recording",
        "url": f"//xeno-canto.org/{number}",
        "file": f"https://xeno-canto.org/{number}/download",
        "file-name": f"XC{number}-merel.mp3", "sono": {"small": "//x/s.png"},
        "lic": "//creativecommons.org/licenses/by-nc-sa/4.0/", "q": "A", "length": "0:04",
        "time": "05:30", "date": f"2024-05-{1 + number % 28:02}", "uploaded": "2024-06-01",
        "also": [""], "rmk": "", "animal-seen": "yes", "playback-used": "no", "regnr": "",
        "auto": "no", "dvc": "", "mic": "", "smp": "44100",
    } | changed  # fmt: skip


@dataclass
class Catalogue:
    """The data of the server, its behaviour, and the requests it received.

    `sounds` maps a number to the bytes of its file. `misbehave` may answer a request itself: it is
    told the handler, the path and how often that path was asked for, and says whether it did.
    """

    rows: Sequence[dict[str, Any]] = ()
    sounds: dict[int, bytes] = field(default_factory=dict)
    misbehave: Callable[[BaseHTTPRequestHandler, str, int], bool] = lambda *_: False
    asked: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def served(catalogue: Catalogue) -> Iterator[Catalogue]:
    """Serve a catalogue until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            with catalogue.lock:
                name = parts.path
                if parts.query:
                    name += f"?page={parse_qs(parts.query).get('page', ['1'])[0]}"
                catalogue.asked[name] += 1
                n_asked = catalogue.asked[name]
            if catalogue.misbehave(self, name, n_asked):
                return
            if parts.path == "/api/3/recordings":
                self._answer_query(parse_qs(parts.query))
            else:
                self._send_sound(parts.path)

        def _answer_query(self, query: dict[str, list[str]]) -> None:
            if query.get("key") != [KEY]:
                self.reply(401, {"error": "missing_key", "message": "Invalid or missing key"})
                return
            page, per_page = int(query["page"][0]), int(query.get("per_page", ["100"])[0])
            rows = [each for each in catalogue.rows if self._fits(each, query["query"][0])]
            part = rows[(page - 1) * per_page : page * per_page]
            n_pages = -(-len(rows) // per_page)
            told = {
                "numRecordings": str(len(rows)), "numSpecies": "1", "page": page,
                "numPages": n_pages, "recordings": part,
            }  # fmt: skip
            self.reply(200, told)

        def _fits(self, each: dict[str, Any], query: str) -> bool:
            tags = dict(tag.split(":", 1) for tag in query.split() if ":" in tag)
            wanted = {"gen": "gen", "sp": "sp", "nr": "id"}
            return all(
                str(each[wanted[tag]]).lower() == value.lower()
                for tag, value in tags.items()
                if tag in wanted
            )

        def _send_sound(self, path: str) -> None:
            number = path.split("/")[1]
            content = catalogue.sounds.get(int(number)) if number.isdigit() else None
            if content is None:
                self.reply(404, "<html>not found</html>", kind="text/html")
                return
            tag = f'"{hash(content) & 0xFFFFFFFF:x}"'
            asked = self.headers.get("Range", "")
            first = 0
            if asked and self.headers.get("If-Range") == tag:
                first = int(asked.removeprefix("bytes=").rstrip("-"))
                with catalogue.lock:
                    catalogue.ranges.append(asked)
            self.send_response(206 if first else 200)
            self.send_header("Content-Type", "audio/mpeg")
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content) - first))
            if first:
                self.send_header(
                    "Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            self.wfile.write(content[first:])
            with catalogue.lock:
                catalogue.sent[path] += 1

        def reply(
            self, status: int, content: Any, *, kind: str = "application/json", **headers: str
        ) -> None:
            text = content if isinstance(content, str) else json.dumps(content)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def cut(self, promised: int, content: bytes, kind: str = "audio/mpeg") -> None:
            """Announce a length, send fewer bytes, and close the connection."""
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("ETag", f'"{hash(content) & 0xFFFFFFFF:x}"')
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(content[: promised // 2])
            self.wfile.flush()
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    catalogue.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield catalogue
    finally:
        server.shutdown()
        server.server_close()
