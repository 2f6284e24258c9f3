"""One recording on the page: player, answer, reasons, pictures, tables, downloads."""

from __future__ import annotations

import re
from pathlib import PurePath

import streamlit as st

from birdsong.answers.exports import to_csv, to_json_line
from birdsong.answers.prediction import Prediction, SegmentAnswer
from birdsong.errors import AudioError

from .answer_words import (
    as_code,
    as_text,
    clock,
    counted,
    failure,
    headline,
    percent,
)
from .audio_types import mime_type
from .heard import Heard, Upload
from .lineage_figure import lineage_html
from .overview_figure import overview_html

N_SEGMENTS_OFFERED = 100
_PIXEL = 4  # screen pixels that a picture's pixel is wide and high
_PERCENT_BAR = st.column_config.ProgressColumn(
    "Probability", format="percent", min_value=0.0, max_value=1.0
)
_PERCENT = st.column_config.NumberColumn("Probability", format="percent")


def show_recording(upload: Upload, heard: Heard, promise: float, *, dark: bool) -> None:
    """Show what is said of an upload; of one that cannot be read, why."""
    with st.container(border=True):
        st.markdown(as_code(upload.name))
        with st.spinner("Listening …"):
            prediction = heard.prediction(upload, promise)
        if prediction.status == "failed":
            st.error(failure(prediction))
            return
        st.audio(upload.content, format=mime_type(upload.name))
        _show_answer(prediction)
        try:
            view = heard.overview(upload)
        except AudioError as error:
            st.error(as_text(str(error)))
        else:
            st.html(overview_html(view, prediction.detections, dark=dark))
        _show_tables(prediction)
        _show_segment(upload, heard, prediction)
        _show_downloads(upload, prediction)


def _show_answer(prediction: Prediction) -> None:
    st.subheader(headline(prediction), anchor=False)
    st.markdown(as_text(prediction.reason))
    for warning in prediction.warnings:
        st.warning(as_text(warning[:1].upper() + warning[1:]) + ".")
    st.html(lineage_html(prediction))


def _show_tables(prediction: Prediction) -> None:
    left, right = st.columns(2)
    with left:
        st.markdown(f"**The {counted(len(prediction.top), 'most probable label')}**")
        st.dataframe(
            # What a narrow screen cuts off comes last.
            [
                {
                    "Taxon": taxon.taxon,
                    "Probability": taxon.probability,
                    "English name": taxon.english_name or "",
                }
                for taxon in prediction.top
            ],
            column_config={"Probability": _PERCENT_BAR},
            hide_index=True,
        )
    with right:
        st.markdown(f"**{counted(len(prediction.detections), 'detection').capitalize()}**")
        if not prediction.detections:
            st.caption("No stretch of it reaches what was asked for, at any rank.")
            return
        st.dataframe(
            [
                {
                    "When": " to ".join(
                        clock(time_s, prediction.duration_s)
                        for time_s in (found.start_s, found.end_s)
                    ),
                    "Taxon": found.taxon,
                    "Probability": found.probability,
                    "Rank": found.rank,
                    "English name": found.english_name or "",
                }
                for found in prediction.detections
            ],
            column_config={"Probability": _PERCENT},
            hide_index=True,
        )


def _show_segment(upload: Upload, heard: Heard, prediction: Prediction) -> None:
    if not prediction.segments:
        return
    if not st.checkbox("Show what the network saw", key=f"saw-{upload.key}"):
        return
    # The most birdlike ones, in order of time: a list of ten hours could not be scrolled.
    likely = sorted(prediction.segments, key=lambda segment: -segment.bird_probability)
    offered = sorted(likely[:N_SEGMENTS_OFFERED], key=lambda segment: segment.start_s)

    def words(segment: SegmentAnswer) -> str:
        times = (clock(t, prediction.duration_s) for t in (segment.start_s, segment.end_s))
        return (
            f"{' to '.join(times)}: bird {percent(segment.bird_probability)}, "
            f"if so {segment.taxon} {percent(segment.probability)}"
        )

    chosen = st.selectbox(
        "Segment",
        offered,
        index=offered.index(likely[0]),
        format_func=words,
        key=f"segment-{upload.key}",
    )
    try:
        with st.spinner("Drawing …"):
            picture = heard.picture(upload, chosen.start_s)
    except AudioError as error:
        st.error(as_text(str(error)))
        return
    st.image(picture.repeat(_PIXEL, axis=0).repeat(_PIXEL, axis=1), output_format="PNG")
    st.caption(
        f"{picture.shape[1]} by {picture.shape[0]} pixels, enlarged {_PIXEL} times: time from left "
        "to right, the highest band on top, brighter where it is louder than the segment's own "
        "background."
    )


def _show_downloads(upload: Upload, prediction: Prediction) -> None:
    # Of the name only what no file system and no shell minds.
    stem = re.sub(r"[^\w\-]+", "_", PurePath(upload.name).stem).strip("_") or "recording"
    with st.container(horizontal=True):
        st.download_button(
            "Detections as CSV",
            to_csv([prediction]),
            file_name=f"{stem}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"csv-{upload.key}",
        )
        st.download_button(
            "Everything as JSON",
            to_json_line(prediction) + "\n",
            file_name=f"{stem}.json",
            mime="application/json",
            on_click="ignore",
            key=f"json-{upload.key}",
        )
