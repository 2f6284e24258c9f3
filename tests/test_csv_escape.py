"""Cells that a spreadsheet would run are escaped and read back unchanged."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.csv_escape import escape_cell, escape_cells, unescape_cell

BEGINNINGS = ["", "'", "''", "=", "+", "-", "@", "\t", "\r", "-1", "'-1", "'="]


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-cmd", "@sum", "\t=1", "\r=1", "-", "'=1", "-1+2"]
)
def test_what_would_be_run_is_marked(text):
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Turdus", "-33.45", "+2", "-1e-5", ".5", "'tis", "a=b", "'"])
def test_what_would_not_stays(text):
    assert escape_cell(text) == text


@given(st.sampled_from(BEGINNINGS), st.text(max_size=20))
def test_every_text_survives_a_round_trip(prefix, text):
    text = prefix + text
    cell = escape_cell(text)
    assert unescape_cell(cell) == text
    assert not cell.startswith(("=", "@", "\t", "\r"))


def test_only_texts_are_marked():
    content = io.StringIO()
    csv.writer(content).writerow(escape_cells(["=1", -3.5, None, 7, "-3.5"]))
    assert content.getvalue() == "'=1,-3.5,,7,-3.5\r\n"
