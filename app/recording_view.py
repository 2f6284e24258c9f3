"""One recording on the page: answer, sound and spectrogram, what else it could be, what to take."""

from __future__ import annotations

import math

import streamlit as st

from birdsong.answers.prediction import Prediction, SegmentAnswer
from birdsong.audio_formats import mime_type
from birdsong.errors import AudioError

from .answer_view import show_answer, show_likely_labels
from .answer_words import as_code, as_text, clock, counted, failure, percent
from .corrections import show_correction
from .downloads import show_downloads
from .predictions import PredictionCache, Upload
from .sound_figure import show_sound

N_SEGMENTS_OFFERED = 100
_PIXEL = 4  # screen pixels that an image's pixel is wide and high


def show_recording(
    upload: Upload, heard: PredictionCache, prediction: Prediction, *, dark: bool
) -> None:
    """Show what is said of an upload; of one that cannot be read, why."""
    with st.container(border=True):
        st.markdown(as_code(upload.name) + (f" {as_text(upload.note)}" if upload.note else ""))
        if prediction.status == "failed":
            st.error(failure(prediction))
            return
        show_answer(prediction)
        _show_sound(upload, heard, prediction, dark=dark)
        left, right = st.columns(2, gap="large")
        with left:
            show_likely_labels(prediction, heard.classifier, upload.key)
        with right:
            _show_detections(prediction)
        with st.container(horizontal=True):
            show_downloads(upload, heard, prediction)
            with st.popover("Correct this answer", icon=":material/edit_note:"):
                show_correction(upload, heard.classifier.bundle)
        _show_segment(upload, heard, prediction)


@st.fragment
def _show_sound(
    upload: Upload, heard: PredictionCache, prediction: Prediction, *, dark: bool
) -> None:
    """Player and spectrogram; turning to another stretch draws nothing else anew."""
    player = f"player-{upload.key}"
    try:
        view = heard.overview(upload)
    except AudioError as error:
        st.error(as_text(str(error)))
    else:
        show_sound(view, prediction.detections, key=upload.key, player=player, dark=dark)
    with st.container(key=player):
        st.audio(upload.content, format=mime_type(upload.name))


def _show_detections(prediction: Prediction) -> None:
    st.markdown(f"**{counted(len(prediction.detections), 'detection').capitalize()}**")
    if not prediction.detections:
        st.caption("No stretch of it reaches what was asked for, at any rank.")
        return
    st.dataframe(
        # What a narrow screen cuts off comes last.
        [
            {
                "From": clock(found.start_s, prediction.duration_s),
                "To": clock(found.end_s, prediction.duration_s),
                "Bird": found.english_name or found.taxon,
                "Sure": math.floor(100 * found.probability),
                "Taxon": found.taxon,
                "Rank": found.rank,
            }
            for found in prediction.detections
        ],
        column_config={
            "From": st.column_config.TextColumn(width=60),
            "To": st.column_config.TextColumn(width=60),
            "Bird": st.column_config.TextColumn(width=125),
            "Sure": st.column_config.NumberColumn(format="%d %%", width=60),
        },
        hide_index=True,
    )
    st.caption("The promise is kept per recording and is not claimed of single detections.")


def _show_segment(upload: Upload, heard: PredictionCache, prediction: Prediction) -> None:
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
            image = heard.image(upload, chosen.start_s)
    except AudioError as error:
        st.error(as_text(str(error)))
        return
    st.image(image.repeat(_PIXEL, axis=0).repeat(_PIXEL, axis=1), output_format="PNG")
    st.caption(
        f"{image.shape[1]} by {image.shape[0]} pixels, enlarged {_PIXEL} times: time from left "
        "to right, the highest band on top, brighter where it is louder than the segment's own "
        "background."
    )
