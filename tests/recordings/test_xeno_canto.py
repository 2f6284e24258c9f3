"""The catalogue: pages, keys, server errors and invalid rows."""

import logging
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import ConfigError, NetworkError
from birdsong.recordings.connection import Connection, _retry_after_s, host_and_path
from birdsong.recordings.xeno_canto import (
    CatalogueRecording,
    InvalidRow,
    XenoCanto,
    length_s,
    parse_row,
    read_key,
)
from tests.recordings.served_catalogue import KEY, Catalogue, row, served


def asked(catalogue, query="gen:turdus sp:merula", key=KEY, per_page=50, **options):
    waits = []
    options = {"requests_per_s": 1e6, "sleep": waits.append} | options
    with Connection(**options) as connection:
        found = list(
            XenoCanto(connection, key, address=catalogue.address).search(query, per_page=per_page)
        )
    return found, waits


def test_all_pages_are_asked_for():
    rows = [row(number) for number in range(1, 2001)]
    with served(Catalogue(rows=rows)) as catalogue:
        found, _ = asked(catalogue)
    assert [each.number for each in found] == list(range(1, 2001))
    assert len(catalogue.asked) == 40
    assert set(catalogue.asked.values()) == {1}


def test_a_tenth_of_the_connections_breaks():
    rows = [row(number) for number in range(1, 2001)]

    def misbehave(handler, path, n_asked):
        if int(path.rpartition("=")[2]) % 10 == 3 and n_asked == 1:
            handler.cut(10_000, b'{"recordings": [', kind="application/json")
            return True
        return False

    with served(Catalogue(rows=rows, misbehave=misbehave)) as catalogue:
        found, waits = asked(catalogue)
    assert [each.number for each in found] == list(range(1, 2001))
    assert catalogue.asked.total() == 44
    assert len([wait for wait in waits if wait > 0.1]) == 4


def test_a_recording_that_moves_to_the_next_page_comes_once():
    rows = [row(number) for number in [*range(1, 51), *range(50, 80)]]
    with served(Catalogue(rows=rows)) as catalogue:
        found, _ = asked(catalogue)
    assert [each.number for each in found] == list(range(1, 80))


@pytest.mark.parametrize("header", ["7", "date"])
def test_a_server_that_asks_to_wait_is_obeyed(header):
    def misbehave(handler, path, n_asked):
        told = header
        if told == "date":
            told = format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)
        if n_asked <= 2:
            handler.reply(429, "slow down", kind="text/plain", Retry_After=told)
        return n_asked <= 2

    with served(Catalogue(rows=[row(1)], misbehave=misbehave)) as catalogue:
        found, waits = asked(catalogue)
    assert len(found) == 1
    assert sum(6 < wait < 8.1 for wait in waits) >= 1
    assert catalogue.asked.total() == 3


def test_a_too_long_retry_after_is_an_error():
    def misbehave(handler, path, n_asked):
        handler.reply(429, "", Retry_After="86400")
        return True

    with (
        served(Catalogue(misbehave=misbehave)) as catalogue,
        pytest.raises(NetworkError, match=r"too many requests \(429\); it asks .* in 86400 s"),
    ):
        asked(catalogue)
    assert catalogue.asked.total() == 1


@pytest.mark.parametrize(
    ("status", "content", "kind", "message", "n_asked"),
    [
        (401, {"error": "x"}, "application/json", "the key is missing or not accepted", 1),
        (403, "", "text/html", "access is refused", 1),
        (404, "", "text/html", "not found", 1),
        (400, "", "text/html", r"the request was refused \(status 400\)", 1),
        (302, "", "text/html", "redirects to another address", 1),
        (503, "", "text/html", r"server error \(503\); tried 3 times", 3),
        (200, "<html>Down for repair</html>", "text/html", "expected JSON, got text/html", 1),
        (200, {"error": "q", "message": "bad tag"}, "application/json", "refuses .* bad tag", 1),
        (200, {"recordings": 3}, "application/json", "its API may have changed", 1),
        (200, [1], "application/json", "its API may have changed", 1),
    ],
)
def test_error_messages_are_sentences(status, content, kind, message, n_asked, caplog):
    def misbehave(handler, path, n):
        handler.reply(status, content, kind=kind)
        return True

    caplog.set_level(logging.DEBUG)
    with served(Catalogue(misbehave=misbehave)) as catalogue:
        with pytest.raises(NetworkError, match=message) as caught:
            asked(catalogue, n_tries=3)
        assert catalogue.asked.total() == n_asked
    error = caught.value
    while error is not None:
        assert KEY not in f"{error!r} {error} {vars(error)}"
        error = error.__cause__
    assert KEY not in caplog.text


def test_the_key_is_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    with served(Catalogue(rows=[row(1)])) as catalogue:
        asked(catalogue)
        assert KEY not in caplog.text
        with Connection() as connection:
            assert KEY not in repr(XenoCanto(connection, KEY, address=catalogue.address))


def test_a_server_that_is_not_there():
    with Connection(n_tries=2, requests_per_s=1e6, sleep=lambda _: None) as connection:
        with pytest.raises(NetworkError, match=r"127\.0\.0\.1/api.* failed .*; tried 2 times"):
            list(XenoCanto(connection, KEY, address="http://127.0.0.1:9").search("gen:a"))
        with pytest.raises(NetworkError, match="begins with https://"):
            list(XenoCanto(connection, KEY, address="http://example.org").search("gen:a"))


def test_requests_keep_to_their_rate():
    waits = []
    with served(Catalogue(rows=[row(n) for n in range(400)])) as catalogue:
        _, waits = asked(catalogue, requests_per_s=0.5)
    assert len(waits) >= 7
    assert max(waits) > 1.5


def test_the_key_is_read_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("XENO_CANTO_KEY", raising=False)
    with pytest.raises(ConfigError, match="copy it from your account page into XENO_CANTO_KEY"):
        read_key()
    monkeypatch.setenv("XENO_CANTO_KEY", f" {KEY}\n")
    assert read_key() == KEY
    (tmp_path / "key").write_text("other\n")
    assert read_key(tmp_path / "key") == "other"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key(tmp_path / "absent")
    (tmp_path / "key").write_text("two words")
    with pytest.raises(ConfigError, match="must be one word") as caught:
        read_key(tmp_path / "key")
    assert "two words" not in str(caught.value)


def test_a_row_of_the_real_shape():
    found = parse_row(row(558716, ssp="aterrimus", length="1:02:03", also=["Parus major", ""]))
    assert found == CatalogueRecording(
        xc_id="XC558716", genus="Turdus", species="merula", subspecies="aterrimus",
        english_name="Common Blackbird", recordist="Recordist 4", kind="song", quality="A",
        country="Germany", place="Berlin, Tiergarten", date="2024-05-05", latitude=52.514,
        longitude=13.35, length_s=3723.0, also=("Parus major",),
        licence="https://creativecommons.org/licenses/by-nc-sa/4.0/",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:04", 4), ("12:34", 754), ("1:02:03", 3723), ("", None), ("4", None), ("1:2", None)],
)
def test_lengths(text, seconds):
    assert length_s(text) == seconds


def test_what_a_row_may_lack():
    found = parse_row(row(1, lat=None, lon=None, q="", file="", length="?", also=None, lic=None))
    assert (found.latitude, found.longitude, found.length_s) == (None, None, None)
    assert (found.quality, found.also, found.licence, found.has_file) == ("", (), "", False)
    assert parse_row({"id": "7", "gen": "Turdus"}) == CatalogueRecording(
        xc_id="XC7", genus="Turdus", species="", has_file=False
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"gen": "Sonus", "sp": "naturalis"}, "soundscape"),
        ({"gen": "Mystery", "sp": "mystery"}, "soundscape"),
        ({"gen": "../../etc", "sp": "passwd"}, "which is not a species"),
        ({"gen": "=cmd()", "sp": "x"}, "which is not a species"),
        ({"gen": ""}, "which is not a species"),
        ({"sp": "merula; DROP TABLE"}, "which is not a species"),
        ({"rmk": "x" * 1_000_000}, "1000000 characters in 'rmk'"),
        ({"id": "../1"}, "has no catalogue number"),
        ({"id": ["1"]}, "has no catalogue number"),
    ],
)
def test_a_row_that_cannot_be_used(changed, reason):
    left_out = parse_row(row(1) | changed)
    assert isinstance(left_out, InvalidRow)
    assert reason in left_out.reason
    assert len(left_out.reason) < 200


def test_values_become_one_short_line():
    found = parse_row(
        row(1, rec="A\x00\x1b[31m B\u202eC\nD", loc="y" * 9000, en="=1+1", lat="1e999")
    )
    assert found.recordist == "A [31m B C D"
    assert len(found.place) == 300
    assert found.latitude is None


@given(
    st.one_of(
        st.none(), st.integers(), st.text(), st.lists(st.text()),
        st.dictionaries(
            st.sampled_from([*row(1), "x"]),
            st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.lists(st.text())),
        ),
    )
)  # fmt: skip
def test_nothing_in_a_row_breaks_anything(anything):
    parsed = parse_row(anything if not isinstance(anything, dict) else row(1) | anything)
    if isinstance(parsed, CatalogueRecording):
        for value in (parsed.recordist, parsed.place, parsed.english_name, parsed.licence):
            assert "\n" not in value
            assert len(value) <= 300
            value.encode()
        assert parsed.length_s is None or math.isfinite(parsed.length_s)


@pytest.mark.parametrize("header", ["", "soon", "-3", "Fri, 99 Foo 2024"])
def test_a_time_to_wait_that_is_none(header):
    assert _retry_after_s(header) == 0


def test_host_and_path_hide_the_key():
    assert host_and_path(f"https://xeno-canto.org/api?key={KEY}") == "xeno-canto.org/api"
