"""The overview and the path as HTML: positions, colours, nothing from outside but text."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from birdsong.answers.prediction import Detection, Prediction
from birdsong.answers.view import Overview, band_edges_hz
from birdsong.app.lineage_figure import lineage_html
from birdsong.app.overview_figure import (
    DARK,
    LIGHT,
    MAX_LANES,
    height_of,
    lanes,
    overview_html,
    picture_uri,
    time_ticks_s,
)
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.selection import Answer, RankedTaxon


@pytest.fixture
def view():
    picture = np.zeros((64, 100), np.uint8)
    picture[10, 20] = 255
    return Overview(
        picture=picture, duration_s=10.0, column_s=0.1,
        band_edges_hz=band_edges_hz(SpectrogramConfig()),
    )  # fmt: skip


def found(start_s, end_s, taxon="Turdus", rank="genus", english_name=None):
    return Detection(start_s, end_s, rank, taxon, english_name, 0.93)


def test_a_detection_stands_at_its_time(view):
    html = overview_html(view, [found(2.5, 5.0, english_name="Thrushes")], dark=False)
    assert "left:25.000%;width:25.000%" in html
    assert 'title="Turdus 93 %, 2.5 s to 5.0 s"' in html
    assert "<i>Turdus</i> Thrushes · 1 detection<" in html


def test_names_stay_text(view):
    html = overview_html(view, [found(0, 5, "<script>x</script>", english_name='"><b>')], dark=True)
    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") == 2


def test_no_detections_say_so(view):
    assert "No detections." in overview_html(view, [], dark=False)


def test_everything_shown_lies_in_it(view):
    html = overview_html(view, [found(0, 3)], dark=False)
    assert re.findall(r'(?:src|href)="(?!data:image/png;base64,)', html) == []
    assert "http" not in html


def test_many_detections_draw_few_bars():
    view = Overview(
        picture=np.zeros((64, 1500), np.uint8), duration_s=36_000.0, column_s=24.0,
        band_edges_hz=band_edges_hz(SpectrogramConfig()),
    )  # fmt: skip
    calls = [found(6.0 * i, 6.0 * i + 3) for i in range(6000)]
    html = overview_html(view, calls, dark=False)
    assert html.count("title=") == 1
    assert "6000 detections, 0:00:00 to 9:59:57" in html
    apart = [found(600.0 * i, 600.0 * i + 3) for i in range(60)]
    assert overview_html(view, apart, dark=False).count("title=") == 60


@pytest.mark.parametrize(("n_taxa", "n_lanes"), [(1, 1), (6, 6), (7, 6), (30, 6)])
def test_lanes_are_few_and_hold_all(n_taxa, n_lanes):
    calls = [found(i, i + 1 + taxon, f"T{taxon}") for taxon in range(n_taxa) for i in range(3)]
    drawn = lanes(calls, LIGHT)
    assert len(drawn) == n_lanes <= MAX_LANES
    assert sorted(map(repr, calls)) == sorted(
        repr(one) for lane in drawn for one in lane.detections
    )
    assert drawn[0].detections[0].taxon == f"T{n_taxa - 1}"
    assert len({lane.colour for lane in drawn}) == n_lanes
    assert ("other taxa" in drawn[-1].title_html) == (n_taxa > MAX_LANES)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_the_picture_keeps_its_pixels_in_the_pages_colours(view, colours):
    content = base64.b64decode(picture_uri(view.picture, colours).partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert pixels.shape == (64, 100, 3)
    assert tuple(pixels[10, 20]) == colours.loud
    pixels = np.delete(pixels.reshape(-1, 3), 1020, axis=0)
    assert (pixels == colours.quiet).all()


@pytest.mark.parametrize("duration_s", [0.3, 1, 7, 12, 59, 120, 3600, 36_000, 400_000])
def test_time_ticks_are_few_and_within(duration_s):
    ticks = time_ticks_s(duration_s)
    assert 3 <= len(ticks) <= 7
    assert ticks[0] == 0
    assert ticks[-1] <= duration_s
    assert np.allclose(np.diff(ticks), ticks[1])


def test_frequencies_rise(view):
    heights = [height_of(hz, view) for hz in (100, 500, 1000, 4000, 8000, 20_000)]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0, 1)


PATH = (
    RankedTaxon("class", "Aves", None, 0.99),
    RankedTaxon("genus", "Turdus", None, 0.93),
    RankedTaxon("species", "Turdus <merula>", "Common Blackbird", 0.6),
)


def path_prediction(taxon):
    answer = Answer(
        rank="genus", taxon=taxon, english_name=None, probability=0.93, promise=0.9, reason="",
        runner_up=None, path=PATH,
    )  # fmt: skip
    return Prediction(
        recording="a", status="ok", promise=0.9, bundle_name="b", bundle_fingerprint="f",
        path=PATH, answer=answer,
    )  # fmt: skip


def test_the_path_marks_the_answer_and_fades_what_is_below():
    html = lineage_html(path_prediction("Turdus"))
    steps = html.split("<li")[1:]
    assert ["aria-current" in step for step in steps] == [False, True, False]
    assert ["opacity:0.65" in step for step in steps] == [False, False, True]
    assert "<i>Turdus &lt;merula&gt;</i> 60 %" in html
    assert "Common Blackbird" in html


def test_no_bird_fades_the_whole_path():
    assert lineage_html(path_prediction(None)).count("opacity:0.65") == 3
