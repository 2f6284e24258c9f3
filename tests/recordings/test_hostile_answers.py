"""Servers that repeat the key, send endless responses or invalid rows."""

import csv
import json
import logging
import traceback
from datetime import UTC, datetime, timedelta

import pytest

from birdsong.errors import NetworkError
from birdsong.pipelines.command import main
from birdsong.recordings import connection as connection_module
from birdsong.recordings.connection import Connection, _retry_after_s
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.recordings.manifest_builder import manifest_from_catalogue
from birdsong.recordings.xeno_canto import CatalogueRecording, InvalidRow, XenoCanto, parse_row
from tests.recordings.served_catalogue import KEY, Catalogue, row, served


def search(catalogue, **options):
    options = {"requests_per_s": 1e6, "n_tries": 2, "sleep": lambda _: None} | options
    with Connection(**options) as connection:
        return list(XenoCanto(connection, KEY, address=catalogue.address).search("gen:turdus"))


def all_told(error):
    """All text of an error and of the errors that caused it."""
    told = ["".join(traceback.format_exception(error))]
    while error is not None:
        told += [repr(error), repr(vars(error)), repr(error.args)]
        if getattr(error, "_request", None) is not None:
            told.append(str(error.request.url))
        error = error.__cause__ or error.__context__
    return "\n".join(told)


def hang_up(handler, path, n_asked):
    handler.close_connection = True
    return True


def cut_off(handler, path, n_asked):
    handler.cut(5000, b'{"recordings": [', kind="application/json")
    return True


def tells_it_back(status):
    def misbehave(handler, path, n_asked):
        told = {"error": "client_error", "message": f"Invalid key {KEY} in {handler.path}"}
        handler.reply(status, told, Location=f"https://elsewhere.org{handler.path}")
        return True

    return misbehave


@pytest.mark.parametrize(
    "misbehave", [hang_up, cut_off, *map(tells_it_back, (200, 302, 400, 401, 403, 429, 503))]
)
def test_the_key_is_in_no_error_and_no_log(misbehave, caplog):
    caplog.set_level(logging.DEBUG)
    with (
        served(Catalogue(misbehave=misbehave)) as catalogue,
        pytest.raises(NetworkError) as caught,
    ):
        search(catalogue)
    assert KEY not in all_told(caught.value)
    for record in caplog.records:
        assert KEY not in f"{record.getMessage()} {record.args!r}"


def test_the_key_is_in_no_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    rows = [row(1, loc=f"at {KEY}", lic=f"https://a.org/?key={KEY}"), row(2, gen=KEY)]
    with served(Catalogue(rows=rows)) as catalogue:
        out = tmp_path / "m.csv"
        words = ["--out", str(out), "--address", catalogue.address, "--requests-per-s", "1000"]
        assert main(["manifest", "build", "--query", "grp:birds", *words]) == 0
    told = capsys.readouterr()
    assert KEY not in told.out + told.err + out.read_text()
    assert read_manifest(out)[0].extra["place"] == "at (key)"


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        '{"recordings": [], "numPages": Infinity}',
        '{"recordings": [], "numPages": NaN}',
        '{"recordings": [], "numPages": ' + "9" * 5000 + "}",
        '{"recordings": [], "numPages": -1}',
        '{"recordings": {"a": 1}, "numPages": 1}',
        '"\\ud800"',
        "",
    ],
)
def test_answers_that_are_none(body):
    def misbehave(handler, path, n_asked):
        handler.reply(200, body)
        return True

    with served(Catalogue(misbehave=misbehave)) as catalogue, pytest.raises(NetworkError):
        search(catalogue)


def test_an_answer_without_end(monkeypatch):
    monkeypatch.setattr(connection_module, "_MAX_RESPONSE_BYTES", 10_000)
    with (
        served(Catalogue(rows=[row(n) for n in range(200)])) as catalogue,
        pytest.raises(NetworkError, match="is larger than 10000 bytes"),
    ):
        search(catalogue)


@pytest.mark.parametrize(
    "address",
    ["https://[bad", "http://127.0.0.1:abc", "http://127.0.0.1:99999", "https://", "nonsense",
     "https://a b.org", "file:///etc/passwd", "ftp://a.org", "http://a.org"],
)  # fmt: skip
def test_addresses_that_are_none(address):
    with (
        Connection(n_tries=1, timeout_s=1, requests_per_s=1e6) as connection,
        pytest.raises(NetworkError) as caught,
    ):
        list(XenoCanto(connection, KEY, address=address).search("gen:turdus"))
    assert KEY not in all_told(caught.value)


def test_a_time_to_come_back_in_no_zone():
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 25 < _retry_after_s(soon.strftime("%a, %d %b %Y %H:%M:%S -0000")) <= 30
    assert _retry_after_s("nan") == 0


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", " =", "\t=", "\x00="])
def test_a_formula_is_kept_as_text(sign, tmp_path):
    formula = f'{sign}HYPERLINK("https://evil.org")'
    found = parse_row(
        row(1, en=formula, rec=formula, cnt=formula, loc=formula, type=formula, ssp=formula,
            date=formula, lic=formula, also=[formula])
    )  # fmt: skip
    assert isinstance(found, CatalogueRecording)
    write_manifest(tmp_path / "m.csv", manifest_from_catalogue([found]))
    (recording,) = read_manifest(tmp_path / "m.csv")
    with (tmp_path / "m.csv").open(newline="") as file:
        _, cells = csv.reader(file)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert recording.recordist == formula.strip(chr(0) + chr(9) + " "), "read as it was"


def test_coordinates_in_the_west_are_numbers(tmp_path):
    found = parse_row(row(1, lat="-33.45", lon="-70.66"))
    write_manifest(tmp_path / "m.csv", manifest_from_catalogue([found]))
    extra = read_manifest(tmp_path / "m.csv")[0].extra
    assert (extra["latitude"], extra["longitude"]) == ("-33.45", "-70.66")


@pytest.mark.parametrize("group", ["grasshoppers", "bats", "frogs", "land mammals", "soundscape"])
def test_what_is_no_bird_is_left_out(group):
    left_out = parse_row(row(1, grp=group))
    assert isinstance(left_out, InvalidRow)
    assert f"of the group '{group}', not of birds" in left_out.reason


def test_rows_of_a_megabyte_are_left_out_and_the_others_stay():
    rows = [row(1, rmk="x" * 1_000_000), row(2, also=["y" * 1_000_000]), row(3)]
    with served(Catalogue(rows=rows)) as catalogue:
        first, second, third = search(catalogue)
    assert isinstance(first, InvalidRow)
    assert len(json.dumps(second.also)) < 400
    assert third.xc_id == "XC3"
