"""The receipt of any work: a row a recording, read as it was written."""

import pytest

from birdsong.csv_tables import read_table, write_table
from birdsong.errors import DatasetError
from birdsong.runs.receipt import RECEIPT, Outcome
from tests.runs.counting import Counted

ROWS = [Counted("a.wav", "ok", "", 1.5, 7), Counted("b.wav", "failed", "=1+1, or 'so'", 0.0, 0)]


def test_it_is_read_as_it_was_written(tmp_path):
    write_table(tmp_path / RECEIPT, Counted, ROWS)
    assert (tmp_path / RECEIPT).read_text() == (
        "recording,status,reason,duration_s,n_bytes\n"
        "a.wav,ok,,1.500,7\n"
        "b.wav,failed,\"'=1+1, or 'so'\",0.000,0\n"
    )
    assert list(read_table(tmp_path / RECEIPT, Counted, made_by="counting")) == ROWS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "recording,status,reason,duration_s\na,fine,,1\n",
            "row 2: expected one of ok, skipped",
        ),
        ("recording,status,reason,duration_s\na,ok,,1\nb,ok,,x\n", "row 3: could not convert"),
        ("recording,status,duration_s\na,ok,1\n", "row 2: 'reason'"),
        ("recording,status,reason,duration_s\na,ok\n", "row 2: has not as many cells"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path, text, message):
    (tmp_path / RECEIPT).write_text(text)
    with pytest.raises(DatasetError, match=rf"receipt\.csv, {message}"):
        list(read_table(tmp_path / RECEIPT, Outcome, made_by="counting"))


def test_one_that_is_missing_says_what_to_do(tmp_path):
    with pytest.raises(DatasetError, match="counting did not finish, run it again to go on"):
        list(read_table(tmp_path / RECEIPT, Outcome, made_by="counting"))


def test_a_status_is_one_of_three():
    with pytest.raises(ValueError, match="expected one of ok, skipped, failed, got 'fine'"):
        Outcome("a.wav", "fine", "", 0.0)
