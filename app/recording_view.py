"""Shows one recording: answer, player and spectrogram, probable labels, downloads, correction."""

from __future__ import annotations

import math

import streamlit as st

from birdsong.answers.prediction import Prediction, SegmentAnswer
from birdsong.audio_formats import mime_type
from birdsong.errors import AudioError
from birdsong.selective.selection import format_percent

from .answer_text import (
    count_text,
    escape_markdown,
    failure_text,
    format_time,
    markdown_code,
)
from .answer_view import show_answer, show_likely_labels
from .corrections import show_correction
from .predictions import PredictionCache, Upload
from .result_downloads import show_downloads
from .sound_figure import show_sound_figure

MAX_SEGMENTS = 100
_SCALE = 4  # screen pixels per image pixel, in both directions


def show_recording(
    upload: Upload, cache: PredictionCache, prediction: Prediction, *, dark: bool
) -> None:
    """Show the prediction for an upload, or why it cannot be read."""
    with st.container(border=True):
        st.markdown(
            markdown_code(upload.name) + (f" {escape_markdown(upload.note)}" if upload.note else "")
        )
        if prediction.status == "failed":
            st.error(failure_text(prediction))
            return
        show_answer(prediction)
        _show_sound(upload, cache, prediction, dark=dark)
        left, right = st.columns(2, gap="large")
        with left:
            show_likely_labels(prediction, cache.classifier, upload.key)
        with right:
            _show_detections(prediction)
        with st.container(horizontal=True):
            show_downloads(upload, cache, prediction)
            with st.popover("Correct this answer", icon=":material/edit_note:"):
                show_correction(upload, cache.classifier.bundle)
        _show_segment(upload, cache, prediction)


@st.fragment
def _show_sound(
    upload: Upload, cache: PredictionCache, prediction: Prediction, *, dark: bool
) -> None:
    """Show player and spectrogram; zooming updates only this part of the page."""
    player = f"player-{upload.key}"
    try:
        overview = cache.overview(upload)
    except AudioError as error:
        st.error(escape_markdown(str(error)))
    else:
        show_sound_figure(overview, prediction.detections, key=upload.key, player=player, dark=dark)
    with st.container(key=player):
        st.audio(upload.content, format=mime_type(upload.name))


def _show_detections(prediction: Prediction) -> None:
    st.markdown(f"**{count_text(len(prediction.detections), 'detection').capitalize()}**")
    if not prediction.detections:
        st.caption("No part of the recording is sure enough at any rank.")
        return
    st.dataframe(
        # A narrow screen cuts off the last columns.
        [
            {
                "From": format_time(detection.start_s, prediction.duration_s),
                "To": format_time(detection.end_s, prediction.duration_s),
                "Bird": detection.english_name or detection.taxon,
                "Sure": math.floor(100 * detection.probability),
                "Taxon": detection.taxon,
                "Rank": detection.rank,
            }
            for detection in prediction.detections
        ],
        column_config={
            "From": st.column_config.TextColumn(width=60),
            "To": st.column_config.TextColumn(width=60),
            "Bird": st.column_config.TextColumn(width=125),
            "Sure": st.column_config.NumberColumn(format="%d %%", width=60),
        },
        hide_index=True,
    )
    st.caption("The promise holds per recording, not for single detections.")


def _show_segment(upload: Upload, cache: PredictionCache, prediction: Prediction) -> None:
    if not prediction.segments:
        return
    if not st.checkbox("Show what the network saw", key=f"saw-{upload.key}"):
        return
    # Only the segments most likely to hold a bird, in order of time: ten hours have too many.
    by_probability = sorted(prediction.segments, key=lambda segment: -segment.bird_probability)
    segments = sorted(by_probability[:MAX_SEGMENTS], key=lambda segment: segment.start_s)

    def segment_text(segment: SegmentAnswer) -> str:
        times = (format_time(t, prediction.duration_s) for t in (segment.start_s, segment.end_s))
        return (
            f"{' to '.join(times)}: bird {format_percent(segment.bird_probability)}, "
            f"if so {segment.taxon} {format_percent(segment.probability)}"
        )

    chosen = st.selectbox(
        "Segment",
        segments,
        index=segments.index(by_probability[0]),
        format_func=segment_text,
        key=f"segment-{upload.key}",
    )
    try:
        with st.spinner("Drawing …"):
            image = cache.image(upload, chosen.start_s)
    except AudioError as error:
        st.error(escape_markdown(str(error)))
        return
    st.image(image.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1), output_format="PNG")
    st.caption(
        f"{image.shape[1]} by {image.shape[0]} pixels, enlarged {_SCALE} times: time from left "
        "to right, high frequencies on top, brighter where the sound is louder than the "
        "background of the segment."
    )
