"""Interrupted downloads, and servers that ignore parts of a request."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from birdsong.pipelines.command import main
from birdsong.pipelines.download import make_postprocess
from birdsong.recordings.connection import Connection
from birdsong.recordings.downloads import PARTIAL_FOLDER, download, read_download_receipt
from birdsong.recordings.manifest import write_manifest
from birdsong.recordings.recording import Recording
from tests.recordings.served_catalogue import Catalogue, served


def noise(seconds, seed=0):
    content = io.BytesIO()
    samples = np.random.default_rng(seed).normal(0, 0.1, round(8000 * seconds))
    soundfile.write(content, samples, 8000, format="WAV")
    return content.getvalue()


SOUND = noise(5.0)
TAG = '"v1"'


def named(*numbers, **more):
    return [Recording(xc_id=f"XC{number}", genus="Turdus", **more) for number in numbers]


def rows_of(catalogue, folder, recordings, **options):
    with Connection(requests_per_s=1e6, n_tries=3, sleep=lambda _: None) as connection:
        got = download(
            recordings, folder, connection, make_postprocess(whole=False),
            address=catalogue.address, **options,
        )  # fmt: skip
        return {each.recording: each for each in got}


def begun(folder, held, *, tag=TAG, total=None, modified=""):
    """The partial file of XC1 from an earlier run."""
    (folder / PARTIAL_FOLDER).mkdir()
    (folder / PARTIAL_FOLDER / "XC1.part").write_bytes(held)
    told = {"tag": tag, "modified": modified, "total": total or len(SOUND)}
    (folder / PARTIAL_FOLDER / "XC1.json").write_text(json.dumps(told))


@contextmanager
def answering(answer):
    """Serve the status, headers and body that `answer(first requested byte)` returns."""
    asked = []

    def misbehave(handler, path, n_asked):
        told = handler.headers.get("Range")
        asked.append((told, handler.headers.get("If-Range")))
        status, headers, body = answer(int(told[6:-1]) if told else None)
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        return True

    with served(Catalogue(misbehave=misbehave)) as catalogue:
        catalogue.ranges = asked
        yield catalogue


def obedient(first, *, tag=TAG):
    if first is None:
        return 200, {"ETag": tag}, SOUND
    if first >= len(SOUND):
        return 416, {"Content-Range": f"bytes */{len(SOUND)}"}, b""
    where = f"bytes {first}-{len(SOUND) - 1}/{len(SOUND)}"
    return 206, {"ETag": tag, "Content-Range": where}, SOUND[first:]


def test_what_was_complete_when_it_was_killed_is_not_asked_for(tmp_path):
    begun(tmp_path, SOUND)
    with answering(obedient) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
        assert catalogue.ranges == []
    assert (tmp_path / "XC1.wav").read_bytes() == SOUND
    assert not (tmp_path / PARTIAL_FOLDER).exists()


def test_a_piece_that_the_server_does_not_have(tmp_path):
    begun(tmp_path, SOUND + b"more", total=len(SOUND) + 9)
    with answering(obedient) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
        assert [told for told, _ in catalogue.ranges] == [f"bytes={len(SOUND) + 4}-", None]
    assert (tmp_path / "XC1.wav").read_bytes() == SOUND


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_it_goes_on_without_a_strong_version(tmp_path, tag):
    begun(tmp_path, SOUND[:1000], tag=tag)
    with answering(lambda first: obedient(first, tag=tag)) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
        assert catalogue.ranges == [("bytes=1000-", None)]
    assert (tmp_path / "XC1.wav").read_bytes() == SOUND


def test_a_server_need_not_repeat_when_a_file_was_changed(tmp_path):
    begun(tmp_path, SOUND[:1000], tag="", modified="Fri, 01 Mar 2024 10:00:00 GMT")
    with answering(lambda first: obedient(first, tag="")) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
        assert catalogue.ranges == [("bytes=1000-", "Fri, 01 Mar 2024 10:00:00 GMT")]
    assert (tmp_path / "XC1.wav").read_bytes() == SOUND


def other_piece(first):
    if first is None:
        return obedient(first)
    return 206, {"ETag": TAG, "Content-Range": f"bytes 0-8/{len(SOUND)}"}, SOUND[:9]


def other_version(first):
    return obedient(first, tag='"v2"')


def other_length(first):
    status, headers, body = obedient(first)
    if first is not None:
        headers["Content-Range"] = f"bytes {first}-{len(SOUND) + 9}/{len(SOUND) + 10}"
        body += b"0123456789"
    return status, headers, body


def no_place(first):
    return (206, {"ETag": TAG}, SOUND[9:]) if first is not None else obedient(first)


def all_of_it(first):
    return obedient(None)


@pytest.mark.parametrize("answer", [other_piece, other_version, other_length, no_place, all_of_it])
def test_pieces_that_do_not_fit_are_never_joined(tmp_path, answer):
    begun(tmp_path, b"x" * 1000)
    with answering(answer) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
        assert len(catalogue.ranges) <= 2
    assert (tmp_path / "XC1.wav").read_bytes() == SOUND


def test_wrong_bytes_are_fetched_once_more(tmp_path):
    bodies = iter([b"RIFF" + os.urandom(3000), SOUND])
    with answering(lambda _: (200, {}, next(bodies))) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
    assert (tmp_path / "XC1.wav").read_bytes() == SOUND
    with answering(lambda _: (200, {}, b"RIFF" + bytes(3000))) as catalogue:
        row = rows_of(catalogue, tmp_path, named(2))["XC2"]
        assert (row.status, len(catalogue.ranges)) == ("failed", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["XC1.wav"]


def test_several_rows_of_one_recording(tmp_path):
    rows = [*named(1, file="a.wav"), *named(1, file="b/c.wav"), *named(1)]
    cut = [Recording(file=f"{i}.flac", xc_id="XC1", genus="Turdus", clip_start_s=i,
                     clip_duration_s=1.0) for i in range(4)]  # fmt: skip
    with served(Catalogue(sounds={1: SOUND})) as catalogue:
        got = rows_of(catalogue, tmp_path, rows + cut)
    assert {each.status for each in got.values()} == {"ok"}
    for name in ("a.wav", "b/c.wav", "XC1.wav"):
        assert (tmp_path / name).read_bytes() == SOUND
    assert len({each.sha256 for each in got.values()}) == 5


def test_a_file_of_ones_own_is_never_replaced(tmp_path):
    for ending in ("wav", "mp3"):
        (tmp_path / f"XC1.{ending}").write_bytes(b"mine")
    with served(Catalogue(sounds={1: SOUND})) as catalogue:
        row = rows_of(catalogue, tmp_path, named(1))["XC1"]
        assert catalogue.asked.total() == 0
    assert row.status == "failed"
    assert "two files for XC1: XC1.mp3, XC1.wav" in row.reason
    assert (tmp_path / "XC1.wav").read_bytes() == (tmp_path / "XC1.mp3").read_bytes() == b"mine"


def test_a_clip_is_not_stored_with_another_extension(tmp_path):
    wanted = named(1, file="a.mp3", clip_start_s=0.0, clip_duration_s=1.0)
    with served(Catalogue(sounds={1: SOUND})) as catalogue:
        assert "leave 'file' empty" in rows_of(catalogue, tmp_path, wanted)["a.mp3"].reason


@pytest.fixture
def words(tmp_path):
    recordings = named(1, recordist="A. Auk", licence="CC BY 4.0", url="https://a.org/1")
    write_manifest(tmp_path / "m.csv", [*recordings, *named(2, 3)])
    return ["--manifest", str(tmp_path / "m.csv"), "--requests-per-s", "1000", "--audio"]


def test_the_receipt_keeps_what_it_knows_and_whose_they_are(words, tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "XC3.wav").write_bytes(SOUND)
    with served(Catalogue(sounds={1: SOUND, 2: noise(1.0, 2)})) as catalogue:
        command = ["download", *words, str(audio), "--address", catalogue.address]
        assert main(command) == 0
        first = read_download_receipt(audio / "download.csv")
        (audio / "XC2.wav").write_bytes(SOUND)  # by someone else
        assert main(command) == 0
    second = read_download_receipt(audio / "download.csv")
    assert (first["XC1"].recordist, first["XC1"].licence) == ("A. Auk", "CC BY 4.0")
    assert first["XC1"].url == "https://a.org/1"
    assert [first[name].status for name in ("XC1", "XC2", "XC3")] == ["ok", "ok", "there"]
    assert {each.status for each in second.values()} == {"there"}
    assert second["XC1"].sha256 == first["XC1"].sha256 == second["XC2"].sha256
    assert (second["XC1"].duration_s, second["XC2"].duration_s) == (5.0, None)
    (audio / "download.csv").write_bytes(b"\xff,not a table")
    assert read_download_receipt(audio / "download.csv") == {}


def test_a_file_where_the_folder_should_be(words, tmp_path, capsys):
    (tmp_path / "audio").write_text("x")
    assert main(["download", *words, str(tmp_path / "audio")]) == 2
    assert "audio: cannot be written into (File exists)" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_interrupted_it_ends_at_once_and_goes_on_later(words, tmp_path):
    audio = tmp_path / "audio"

    def trickle(handler, path, n_asked):
        if path == "/1/download" or n_asked > 1:
            return False
        if path == "/3/download":  # says nothing at all
            time.sleep(60)
            return True
        handler.send_response(200)
        handler.send_header("ETag", TAG)
        handler.send_header("Content-Length", str(len(SOUND)))
        handler.end_headers()
        handler.wfile.write(SOUND[:5000])
        handler.wfile.flush()
        time.sleep(60)
        return True

    sounds = dict.fromkeys((1, 2, 3), SOUND)
    with served(Catalogue(sounds=sounds, misbehave=trickle)) as catalogue:
        command = [*words, str(audio), "--address", catalogue.address]
        running = subprocess.Popen(
            [sys.executable, "-m", "birdsong.pipelines.download", *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until_s = time.monotonic() + 60
        begun = (audio / "XC1.wav", audio / ".partial/XC2.part")
        while time.monotonic() < until_s and not (
            all(each.is_file() for each in begun) and catalogue.asked["/3/download"]
        ):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=300)
        assert running.returncode == 130
        assert "interrupted" in told
        assert "Traceback" not in told
        assert list(read_download_receipt(audio / "download.csv")) == ["XC1"]
        assert main(["download", *command]) == 0
        assert catalogue.asked["/1/download"] == 1
    for number in sounds:
        assert (audio / f"XC{number}.wav").read_bytes() == SOUND


@pytest.mark.parametrize("n_bytes", [0, 5000])
def test_whoever_waits_for_a_server_is_woken(tmp_path, n_bytes):
    """Without `stop` the connection would wait for an hour, also before the first byte."""

    def wait(handler, path, n_asked):
        if n_bytes:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(SOUND)))
            handler.end_headers()
            handler.wfile.write(SOUND[:n_bytes])
            handler.wfile.flush()
        asked.set()
        over.wait(600)
        return True

    asked, over, rows = threading.Event(), threading.Event(), []
    with served(Catalogue(sounds={1: SOUND}, misbehave=wait)) as catalogue:
        connection = Connection(requests_per_s=1e6, timeout_s=3600)
        coming = download(
            named(1), tmp_path, connection, make_postprocess(whole=False), address=catalogue.address
        )
        waiting = threading.Thread(target=lambda: rows.extend(coming), daemon=True)
        waiting.start()
        assert asked.wait(300)
        connection.stop()
        waiting.join(300)
        over.set()
    assert [row.status for row in rows] == ["failed"]
