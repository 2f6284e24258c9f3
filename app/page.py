"""The page: recordings go in, answers come out. It is drawn anew after every click."""

from __future__ import annotations

import streamlit as st

from birdsong.errors import BirdsongError

from .audio_types import MIME_TYPES
from .bundle_choice import (
    bundle_folder,
    load_classifier,
    show_bundle,
    show_missing_bundle,
)
from .heard import Heard, Upload
from .recording_view import show_recording

PROMISES = (0.8, 0.9, 0.95, 0.99)


def show_page() -> None:
    """Draw the page."""
    st.set_page_config(page_title="birdsong", layout="wide")
    st.title("Which bird is this?", anchor=False)
    folder = bundle_folder()
    try:
        classifier = load_classifier(str(folder))
    except BirdsongError as error:
        show_missing_bundle(folder, error)
        return
    with st.sidebar:
        promise = choose_promise(calibrated=classifier.bundle.calibration is not None)
        show_bundle(classifier)
    uploaded = st.file_uploader(
        "Recordings",
        type=list(MIME_TYPES),
        accept_multiple_files=True,
        help="They are read in memory and not kept.",
    )
    uploads = [Upload(file.file_id, file.name, file.getvalue()) for file in uploaded]
    heard = Heard(st.session_state, classifier)
    heard.forget_all_but(uploads)
    if not uploads:
        st.caption(
            "Add one or more recordings. Each gets the most specific answer that the model is "
            "sure enough of: a species, or else a genus, a family, an order, or just a bird."
        )
    dark = st.context.theme.type == "dark"
    for upload in uploads:
        show_recording(upload, heard, promise, dark=dark)


def choose_promise(*, calibrated: bool) -> float:
    """Ask how sure an answer must be, and say what that means for this model."""
    promise: float = st.radio(
        "How sure before naming",
        PROMISES,
        index=PROMISES.index(0.9),
        format_func=lambda value: f"{100 * value:g} %",
        help="An answer that falls short is given at a coarser rank.",
    )
    if calibrated:
        st.caption(
            "Of the answers at each rank at least this share are right, as measured on recordings "
            "that the model had not learned from. It is not claimed of single detections."
        )
    else:
        st.caption(
            "This is a threshold on the model's own probability. The model is not calibrated: "
            "90 % does not mean that nine answers in ten are right."
        )
    return promise
