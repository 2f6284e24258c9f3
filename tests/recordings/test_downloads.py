"""Downloads are complete, verified and resumed, and the receipt has every recording."""

import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from birdsong.errors import ManifestError
from birdsong.pipelines.command import main
from birdsong.pipelines.download import make_postprocess
from birdsong.recordings.connection import Connection
from birdsong.recordings.downloads import download, missing_recordings, read_download_receipt
from birdsong.recordings.manifest import read_manifest, write_manifest
from birdsong.recordings.recording import Recording
from tests.recordings.served_catalogue import KEY, Catalogue, row, served

RATE_HZ = 24_000
BY = "https://creativecommons.org/licenses/by/4.0/"


def tone(number, seconds=1.0, kind="MP3"):
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    content = io.BytesIO()
    samples = 0.3 * np.sin(2 * np.pi * (500 + number) * times_s)
    soundfile.write(content, samples, RATE_HZ, format=kind)
    return content.getvalue()


SOUNDS = {number: tone(number) for number in range(1, 9)}


def rows_of(catalogue, folder, recordings, *, whole=False, **options):
    options = {"requests_per_s": 1e6, "sleep": lambda _: None} | options
    with Connection(**options) as connection:
        got = download(
            recordings, folder, connection, make_postprocess(whole=whole), address=catalogue.address
        )
        return {each.recording: each for each in got}


def named(*numbers, **more):
    return [Recording(xc_id=f"XC{number}", genus="Turdus", **more) for number in numbers]


def test_every_recording_ends_in_the_receipt(tmp_path):
    bad = {90: b"<html>sorry</html>" * 50, 91: b"ID3" + bytes(900), 92: b""}
    with served(Catalogue(sounds=SOUNDS | bad)) as catalogue:
        rows = rows_of(catalogue, tmp_path, named(*range(1, 9), 90, 91, 92, 404))
    assert [rows[f"XC{n}"].status for n in range(1, 9)] == ["ok"] * 8
    for number, content in SOUNDS.items():
        assert (tmp_path / f"XC{number}.mp3").read_bytes() == content
        assert rows[f"XC{number}"].n_bytes == len(content)
        assert rows[f"XC{number}"].duration_s == pytest.approx(1, abs=0.2)
    reasons = {name: each.reason for name, each in rows.items() if each.status == "failed"}
    assert sorted(reasons) == ["XC404", "XC90", "XC91", "XC92"]
    assert "the response is not audio" in reasons["XC90"]
    assert reasons["XC91"].startswith("not audio"), "the receipt has a column of the name"
    assert "not found" in reasons["XC404"]
    assert {path.name for path in tmp_path.glob("XC*")} == {f"XC{n}.mp3" for n in SOUNDS}


@pytest.mark.parametrize(
    ("kind", "suffix"), [("W64", ".w64"), ("CAF", ".caf"), ("AU", ".au"), ("FLAC", ".flac")]
)
def test_a_file_gets_the_suffix_of_its_format(tmp_path, kind, suffix):
    with served(Catalogue(sounds={1: tone(1, kind=kind)})) as catalogue:
        row = rows_of(catalogue, tmp_path, named(1))["XC1"]
    assert (row.status, row.file) == ("ok", f"XC1{suffix}")


def test_existing_files_are_not_downloaded_again(tmp_path):
    with served(Catalogue(sounds=SOUNDS)) as catalogue:
        rows_of(catalogue, tmp_path, named(1, 2))
        assert missing_recordings(named(1, 2, 3), tmp_path) == named(3)
        rows = rows_of(catalogue, tmp_path, named(1, 2, 3))
        assert [rows[f"XC{n}"].status for n in (1, 2, 3)] == ["there", "there", "ok"]
        assert catalogue.asked.total() == 3


def test_a_file_that_broke_off_is_gone_on_with(tmp_path):
    content = tone(1, 20)

    def misbehave(handler, path, n_asked):
        if n_asked <= 2:
            first = handler.headers.get("Range")
            if first:
                return False
            handler.cut(len(content), content)
            return True
        return False

    with served(Catalogue(sounds={1: content}, misbehave=misbehave)) as catalogue:
        rows = rows_of(catalogue, tmp_path, named(1))
        assert rows["XC1"].status == "ok", rows
        assert len(catalogue.ranges) == 1
        assert 0 < int(catalogue.ranges[0][6:-1]) < len(content)
    assert (tmp_path / "XC1.mp3").read_bytes() == content


def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path):
    old, new = tone(1, 20), tone(300, 20)

    def misbehave(handler, path, n_asked):
        if n_asked == 1:
            handler.cut(len(old), old)
        return n_asked == 1

    with served(Catalogue(sounds={1: new}, misbehave=misbehave)) as catalogue:
        assert rows_of(catalogue, tmp_path, named(1))["XC1"].status == "ok"
        assert catalogue.ranges == []
    assert (tmp_path / "XC1.mp3").read_bytes() == new


def test_a_web_page_instead_of_sound(tmp_path):
    def misbehave(handler, path, n_asked):
        handler.reply(200, "<html>Please log in</html>", kind="text/html")
        return True

    with served(Catalogue(misbehave=misbehave)) as catalogue:
        row_of = rows_of(catalogue, tmp_path, named(1))["XC1"]
        assert "expected audio, got text/html" in row_of.reason
        assert catalogue.asked.total() == 1


@pytest.mark.parametrize("whole", [False, True])
def test_a_clip_is_stored_as_flac(tmp_path, whole):
    ramp = np.linspace(-0.9, 0.9, 8 * RATE_HZ)
    content = io.BytesIO()
    soundfile.write(content, np.stack([ramp, ramp], axis=1), RATE_HZ, format="WAV")
    wanted = named(1, clip_start_s=2.0, clip_duration_s=3.0)
    with served(Catalogue(sounds={1: content.getvalue()})) as catalogue:
        row_of = rows_of(catalogue, tmp_path, wanted, whole=whole)["XC1"]
    assert row_of.file == ("XC1.wav" if whole else "XC1.flac")
    assert row_of.duration_s == pytest.approx(8 if whole else 3)
    samples, rate_hz = soundfile.read(tmp_path / row_of.file)
    assert (len(samples), rate_hz) == ((8 if whole else 3) * RATE_HZ, RATE_HZ)
    if not whole:
        assert samples[0] == pytest.approx(-0.9 + 1.8 * 2 / 8, abs=1e-3)


def test_a_clip_beyond_the_end(tmp_path):
    with served(Catalogue(sounds=SOUNDS)) as catalogue:
        wanted = named(1, clip_start_s=20.0, clip_duration_s=3.0)
        reason = rows_of(catalogue, tmp_path, wanted)["XC1"].reason
    assert "ends before 20 s, where the clip begins" in reason


def test_a_file_is_stored_at_its_path_in_the_manifest_and_never_outside(tmp_path):
    inside = Recording(file="Turdus/one.mp3", xc_id="XC1", genus="Turdus")
    outside = Recording(file="../two.mp3", xc_id="XC2", genus="Turdus")
    with served(Catalogue(sounds=SOUNDS)) as catalogue:
        rows = rows_of(catalogue, tmp_path / "audio", [inside, outside])
        assert "must stay inside" in rows["../two.mp3"].reason
        assert "/2/download" not in catalogue.asked
    assert (tmp_path / "audio" / "Turdus" / "one.mp3").read_bytes() == SOUNDS[1]
    assert not (tmp_path / "two.mp3").exists()
    with pytest.raises(ManifestError, match=r"a\.wav: is not in .* no 'xc_id'"):
        missing_recordings([Recording(file="a.wav", genus="Turdus")], tmp_path)


@pytest.fixture
def table(tmp_path):
    write_manifest(tmp_path / "m.csv", named(*SOUNDS))
    return tmp_path / "m.csv"


def command(catalogue, *words):
    return ["--address", catalogue.address, "--requests-per-s", "1000", *map(str, words)]


@pytest.mark.parametrize("rate", ["0", "-1", "nan"])
def test_a_rate_that_cannot_be(table, tmp_path, capsys, rate):
    words = ["--manifest", str(table), "--audio", str(tmp_path / "audio"), "--dry-run"]
    assert main(["download", *words, "--requests-per-s", rate]) == 2
    assert "--requests-per-s must be above 0" in capsys.readouterr().err


def test_the_command(table, tmp_path, capsys):
    with served(Catalogue(sounds=dict(SOUNDS))) as catalogue:
        words = command(catalogue, "--manifest", table, "--audio", tmp_path / "audio")
        assert main(["download", *words, "--dry-run"]) == 0
        assert "8 recordings, 0 already there; to fetch: 8" in capsys.readouterr().out
        assert not (tmp_path / "audio").exists()
        assert main(["download", *words]) == 0
        del catalogue.sounds[8]
        (tmp_path / "audio" / "XC8.mp3").unlink()
        assert main(["download", *words]) == 1
    told = capsys.readouterr()
    assert "8 fetched" in told.out
    assert "7 already there, 1 failed" in told.out
    assert "next: birdsong preprocess" in told.out
    assert "failed: XC8: 127.0.0.1/8/download: not found" in told.err
    receipt = (tmp_path / "audio" / "download.csv").read_text().splitlines()
    columns = "recording,status,reason,file,n_bytes,duration_s,sha256,url,recordist,licence"
    assert receipt[0] == columns
    assert len(receipt) == 9


def test_nothing_fetched_leads_nowhere(table, tmp_path, capsys):
    with served(Catalogue(sounds={})) as catalogue:
        words = command(catalogue, "--manifest", table, "--audio", tmp_path / "audio")
        assert main(["download", *words]) == 1
    told = capsys.readouterr().out
    assert "0 already there, 8 failed" in told
    assert "next:" not in told


def test_a_resumed_run_downloads_nothing_twice(tmp_path):
    numbers = range(1, 41)
    sounds = {number: tone(number) for number in numbers}
    write_manifest(tmp_path / "m.csv", named(*numbers))
    with served(Catalogue(sounds=sounds, misbehave=lambda *_: time.sleep(0.05))) as catalogue:
        words = command(catalogue, "--manifest", tmp_path / "m.csv", "--audio", tmp_path / "audio")
        running = subprocess.Popen(
            [sys.executable, "-m", "birdsong.pipelines.download", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while len(list((tmp_path / "audio").glob("XC*.mp3"))) < 10 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        there = {path.stem for path in (tmp_path / "audio").glob("XC*.mp3")}
        assert 10 <= len(there) < 40
        before = dict(catalogue.asked)
        assert main(["download", *words]) == 0
        for name in there:
            path = f"/{name[2:]}/download"
            assert catalogue.asked[path] == before[path]
    for number in numbers:
        assert (tmp_path / "audio" / f"XC{number}.mp3").read_bytes() == sounds[number]
    assert not (tmp_path / "audio" / ".partial").exists()


def test_what_a_killed_run_left_beside_a_whole_file_is_removed(tmp_path):
    audio = tmp_path / "audio"
    write_manifest(tmp_path / "m.csv", named(1))
    with served(Catalogue(sounds={1: tone(1)})) as catalogue:
        words = command(catalogue, "--manifest", tmp_path / "m.csv", "--audio", audio)
        assert main(["download", *words]) == 0
        (audio / ".partial").mkdir()
        (audio / ".partial" / "XC1.json").write_text("{}")
        assert main(["download", *words]) == 0
    assert not (audio / ".partial").exists()


def test_from_a_query_to_files_and_no_key_in_any(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    rows = [row(n, q="AB"[n % 2]) for n in SOUNDS]
    rows += [row(50, gen="Sonus", sp="naturalis"), row(51, file=""), row(52, length="20:00")]
    out, audio = tmp_path / "blackbirds.csv", tmp_path / "audio"
    with served(Catalogue(rows=rows, sounds=SOUNDS)) as catalogue:
        access = ["--address", catalogue.address, "--requests-per-s", "1000"]
        words = ["manifest", "build", "--query", "grp:birds", "--out", str(out), *access]
        assert main([*words, "--least-quality", "A", "--kind", "song"]) == 0
        assert main(["download", "--manifest", str(out), "--audio", str(audio), *access]) == 0
    told = capsys.readouterr()
    assert "11 recordings found, 4 selected" in told.out
    assert "left out: 1, audio is withheld" in told.out
    assert "XC50 is a soundscape or unidentified" in told.out
    recordings = read_manifest(out)
    assert [each.xc_id for each in recordings] == ["XC2", "XC4", "XC6", "XC8"]
    assert recordings[0].extra["quality"] == "A"
    assert recordings[0].licence == "https://creativecommons.org/licenses/by-nc-sa/4.0/"
    assert KEY not in told.out + told.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_refresh_completes_recordists_and_licences(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    known = Recording(xc_id="XC1", genus="Turdus", recordist="Someone", licence="own")
    gone = Recording(xc_id="XC77", genus="Turdus")
    write_manifest(tmp_path / "m.csv", [known, *named(2, 3), gone])
    rows = [row(n, lic="" if n == 3 else BY) for n in SOUNDS]
    with served(Catalogue(rows=rows)) as catalogue:
        access = ["--address", catalogue.address, "--requests-per-s", "1000"]
        assert main(["manifest", "refresh", str(tmp_path / "m.csv"), *access]) == 1
        assert catalogue.asked.total() == 3
    again = read_manifest(tmp_path / "m.csv")
    assert again[0] == known
    assert [each.recordist for each in again[1:]] == ["Recordist 2", "Recordist 3", ""]
    assert [each.licence for each in again[1:]] == [BY, "", ""]
    assert "1 completed, 2 not known to xeno-canto" in capsys.readouterr().out


@pytest.mark.slow
def test_two_thousand_recordings_while_a_tenth_of_the_connections_breaks(tmp_path, monkeypatch):
    monkeypatch.setenv("XENO_CANTO_KEY", KEY)
    numbers = range(1, 2001)
    some = [tone(number) for number in range(20)]
    sounds = {number: some[number % 20] + bytes([number % 251]) * 3 for number in numbers}

    def misbehave(handler, path, n_asked):
        is_page = path.startswith("/api")
        digit = int(path.rpartition("=")[2]) if is_page else int(path.split("/")[1])
        if digit % 10 == 3 and n_asked == 1:
            handler.cut(9000, json.dumps({}).encode() if is_page else sounds[digit])
            return True
        return False

    rows = [row(number) for number in numbers]
    with served(Catalogue(rows=rows, sounds=sounds, misbehave=misbehave)) as catalogue:
        access = ["--address", catalogue.address, "--requests-per-s", "1000"]
        out = str(tmp_path / "m.csv")
        build = ["manifest", "build", "--query", "gen:turdus", "--out", out, *access]
        assert main(build) == 0
        assert len(read_manifest(out)) == 2000
        audio = tmp_path / "audio"
        assert main(["download", "--manifest", out, "--audio", str(audio), *access]) == 0
    for number in numbers:
        assert (audio / f"XC{number}.mp3").read_bytes() == sounds[number]


def test_the_receipt_keeps_the_rows_of_other_manifests(tmp_path, capsys):
    sounds = {1: tone(1), 2: tone(2)}
    audio = tmp_path / "audio"
    with served(Catalogue(sounds=sounds)) as catalogue:
        for n in sounds:
            write_manifest(tmp_path / f"{n}.csv", named(n))
            words = command(catalogue, "--manifest", tmp_path / f"{n}.csv", "--audio", audio)
            assert main(["download", *words]) == 0
    rows = read_download_receipt(audio / "download.csv")
    assert list(rows) == ["XC2", "XC1"]
    assert rows["XC1"].status == "ok"
    assert "1 fetched" in capsys.readouterr().out.splitlines()[-2]


def test_a_table_of_somebody_is_not_overwritten_by_the_receipt(tmp_path, capsys):
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "download.csv").write_text("day,place\nMonday,wood\n")
    write_manifest(tmp_path / "m.csv", named(1))
    with served(Catalogue(sounds={1: tone(1)})) as catalogue:
        words = command(catalogue, "--manifest", tmp_path / "m.csv", "--audio", audio)
        assert main(["download", *words]) == 2
        assert "download.csv: already exists; nothing was" in capsys.readouterr().err
        assert (audio / "download.csv").read_text() == "day,place\nMonday,wood\n"
        assert not catalogue.asked
        assert main(["download", *words, "--replace"]) == 0
