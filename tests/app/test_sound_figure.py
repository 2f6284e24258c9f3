"""The data that the browser gets: an image of the visible range, and the detections."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from birdsong.answers.prediction import Detection
from birdsong.answers.spectrogram_views import OverviewSpectrogram, band_edges_hz
from birdsong.app.sound_figure import (
    DARK,
    LIGHT,
    MAX_COLUMNS,
    MAX_LANES,
    _checked_range,
    detection_lanes,
    figure_data,
    frequency_height,
    image_uri,
)
from birdsong.sound.spectrogram import SpectrogramConfig


def overview(n_columns=100, column_s=0.1):
    image = np.zeros((64, n_columns), np.uint8)
    image[10, n_columns // 5] = 255
    return OverviewSpectrogram(
        image=image, duration_s=n_columns * column_s, column_s=column_s,
        band_edges_hz=band_edges_hz(SpectrogramConfig()),
    )  # fmt: skip


def found(start_s, end_s, taxon="Turdus", rank="genus", english_name=None):
    return Detection(start_s, end_s, rank, taxon, english_name, 0.93)


def data_of(view, detections=(), visible_range_s=None):
    data = figure_data(
        view,
        detections,
        visible_range_s=visible_range_s,
        recording="r",
        player="player-r",
        colours=LIGHT,
    )
    return json.loads(json.dumps(data))


def pixels_of(uri):
    content = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_the_whole_of_a_short_recording_goes_as_it_is():
    data = data_of(overview(), [found(2.5, 5.0, english_name="Thrushes")])
    assert pixels_of(data["image"]).shape == (64, 100, 3)
    assert (data["image_start_s"], data["image_end_s"]) == (0, pytest.approx(10))
    assert data["visible"] is None
    assert data["label"] == "Spectrogram of 10.0 s, 0.2 to 10.8 kHz; 1 detection"
    (lane,) = data["lanes"]
    assert (lane["taxon"], lane["details"], lane["italic"]) == (
        "Turdus", "Thrushes · 1 detection", True,
    )  # fmt: skip
    assert lane["detections"] == [{"start_s": 2.5, "end_s": 5.0, "label": "Turdus 93 %"}]


@pytest.mark.parametrize("visible_range_s", [(0, 7), (1, 3.05), (3299.97, 3300.5), (1800, 3600)])
def test_a_stretch_of_an_hour_is_drawn_where_it_lies(visible_range_s):
    view = overview(n_columns=120_000, column_s=0.03)
    mark = round(sum(visible_range_s) / 2 / 0.03)
    view.image[:] = 0
    view.image[20, mark] = 255
    data = data_of(view, visible_range_s=visible_range_s)
    pixels = pixels_of(data["image"])
    assert pixels.shape[1] <= MAX_COLUMNS
    assert data["visible"] == list(visible_range_s)
    assert data["image_start_s"] <= visible_range_s[0]
    assert data["image_end_s"] >= visible_range_s[1] - 0.03
    (column,) = np.flatnonzero((pixels[20] != LIGHT.quiet).any(axis=-1))
    column_s = (data["image_end_s"] - data["image_start_s"]) / pixels.shape[1]
    at_s = data["image_start_s"] + column * column_s
    assert at_s - 1e-6 <= mark * 0.03 < at_s + column_s + 1e-6


@pytest.mark.parametrize(
    ("value", "visible_range_s"),
    [
        ([1, 2.5], (1, 2.5)),
        ([0, 10.5], (0, 10)),
        (None, None),
        ([2, 1], None),
        ([-1, 5], None),
        ([0, 99], None),
        ([0, float("nan")], None),
        (["0", "1"], None),
        ("all", None),
        ({"start": 1}, None),
    ],
)
def test_the_range_of_the_browser_is_checked(value, visible_range_s):
    assert _checked_range(value, 10.0) == visible_range_s


@pytest.mark.parametrize(("n_taxa", "n_lanes"), [(1, 1), (6, 6), (7, 6), (30, 6)])
def test_lanes_are_few_and_hold_all(n_taxa, n_lanes):
    calls = [found(i, i + 1 + taxon, f"T{taxon}") for taxon in range(n_taxa) for i in range(3)]
    drawn = detection_lanes(calls, LIGHT)
    assert len(drawn) == n_lanes <= MAX_LANES
    assert sorted(
        (each["start_s"], each["end_s"]) for lane in drawn for each in lane["detections"]
    ) == sorted((one.start_s, one.end_s) for one in calls)
    assert drawn[0]["taxon"] == f"T{n_taxa - 1}"
    assert len({lane["colour"] for lane in drawn}) == n_lanes
    assert ("other taxa" in drawn[-1]["taxon"]) == (n_taxa > MAX_LANES)


def test_a_rank_above_the_genus_is_named():
    (lane,) = detection_lanes([found(0, 1, "Passeriformes", rank="order")], LIGHT)
    assert (lane["italic"], lane["details"]) == (False, "order · 1 detection")


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_the_image_keeps_its_pixels_in_the_pages_colours(colours):
    pixels = pixels_of(image_uri(overview().image, colours))
    assert pixels.shape == (64, 100, 3)
    assert tuple(pixels[10, 20]) == colours.loud
    pixels = np.delete(pixels.reshape(-1, 3), 1020, axis=0)
    assert (pixels == colours.quiet).all()


def test_frequencies_rise():
    heights = [frequency_height(hz, overview()) for hz in (100, 500, 1000, 4000, 8000, 20_000)]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0, 1)
