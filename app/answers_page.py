"""The page that classifies recordings: uploads in, answers out.

Streamlit runs the page again after every click; `PredictionCache` keeps what takes time.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.audio_formats import UPLOAD_SUFFIXES

from .bundle_choice import show_bundle
from .corrections import show_corrections
from .examples import choose_example
from .predictions import PredictionCache, Upload
from .recording_view import show_recording
from .result_downloads import show_archive
from .species_filter import choose_labels

PROMISES = (0.8, 0.9, 0.95, 0.99)


def show_answers_page(classifier: Classifier) -> None:
    """Ask for recordings and show their answers."""
    st.title("Which bird is this?", anchor=False)
    with st.sidebar:
        promise = choose_promise(calibrated=classifier.bundle.calibration is not None)
        only = choose_labels(classifier.bundle)
    uploads = collect_uploads(classifier)
    cache = PredictionCache(st.session_state, classifier)
    cache.keep_only(uploads)
    if not uploads:
        st.markdown(
            "Add a recording. It gets the most specific answer that the model is sure enough of: "
            "a species, or else a genus, a family, an order, or just a bird."
        )
        show_bundle(classifier)
        return
    predictions = []
    for upload in uploads:
        with st.spinner("Classifying …"):
            predictions.append(cache.prediction(upload, promise, only))
    if len(uploads) > 1:
        show_archive(uploads, predictions, cache)
    dark = st.context.theme.type == "dark"
    for upload, prediction in zip(uploads, predictions, strict=True):
        show_recording(upload, cache, prediction, dark=dark)
    show_corrections(uploads)


def collect_uploads(classifier: Classifier) -> Sequence[Upload]:
    """Ask for recordings: uploaded files, one recorded now, or an example."""
    left, right = st.columns([2, 1])
    uploaded = left.file_uploader(
        "Recordings",
        type=list(UPLOAD_SUFFIXES),
        accept_multiple_files=True,
        help="They stay in memory and are not stored.",
    )
    recorded = right.audio_input("Or record now", sample_rate=48_000)
    uploads = [Upload(file.file_id, file.name, file.getvalue()) for file in uploaded]
    if recorded is not None:
        uploads.append(Upload(recorded.file_id, "recorded now.wav", recorded.getvalue()))
    if (example := choose_example(classifier.bundle)) is not None:
        uploads.append(example)
    return uploads


def choose_promise(*, calibrated: bool) -> float:
    """Ask how sure an answer must be, and explain what that means for this model."""
    promise: float = st.radio(
        "How sure before naming",
        PROMISES,
        index=PROMISES.index(0.9),
        format_func=lambda value: f"{100 * value:g} %",
        help="If no species is sure enough, the answer is given at a coarser rank.",
    )
    if calibrated:
        st.caption(
            "Of the answers at each rank at least this share are right, measured on recordings "
            "that the model was not trained on. This does not hold for single detections."
        )
    else:
        st.caption(
            "This is a threshold on the model's own probability. The model is not calibrated: "
            "90 % does not mean that nine answers in ten are right."
        )
    return promise
