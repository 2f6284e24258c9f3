"""The pages of the app, and the first of them, which classifies uploaded recordings.

Streamlit runs the page again after every click; `PredictionCache` keeps what takes time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from PIL import Image

from birdsong.answers.classifier import Classifier
from birdsong.audio_formats import UPLOAD_SUFFIXES
from birdsong.errors import BirdsongError

from .bundle_choice import bundle_folder, load_classifier, show_bundle, show_missing_bundle
from .corrections import show_corrections
from .downloads import show_archive
from .examples import choose_example
from .images_page import show_images_page
from .model_page import show_model_page
from .predictions import PredictionCache, Upload
from .recording_view import show_recording
from .run_page import show_run_page
from .settings import path_setting
from .species_filter import choose_labels

ICON = Path(__file__).with_name("icon.png")
PROMISES = (0.8, 0.9, 0.95, 0.99)


def show_app() -> None:
    """Show the page that the user chose."""
    # Without it, the browser fetches an icon from another server.
    st.set_page_config(page_title="birdsong", page_icon=Image.open(ICON), layout="wide")
    folder = bundle_folder()
    try:
        classifier = load_classifier(str(folder))
    except BirdsongError as error:
        show_missing_bundle(folder, error)
        return
    pages = [
        st.Page(
            lambda: show_answers_page(classifier),
            title="Which bird is this?",
            icon=":material/graphic_eq:",
            url_path="answers",
            default=True,
        ),
        st.Page(
            lambda: show_model_page(classifier, folder),
            title="The model",
            icon=":material/badge:",
            url_path="model",
        ),
    ]
    if images := path_setting("images"):
        pages.append(
            st.Page(
                lambda: show_images_page(images),
                title="Images",
                icon=":material/grid_view:",
                url_path="images",
            )
        )
    if run := path_setting("run"):
        pages.append(
            st.Page(
                lambda: show_run_page(run),
                title="Training",
                icon=":material/monitoring:",
                url_path="training",
            )
        )
    st.navigation(pages).run()


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
