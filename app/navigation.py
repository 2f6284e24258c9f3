"""The pages of the app: which there are, and the one that the user chose."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from PIL import Image

from birdsong.errors import BirdsongError

from .answers_page import show_answers_page
from .bundle_choice import bundle_folder, load_classifier, show_missing_bundle
from .images_page import show_images_page
from .model_page import show_model_page
from .run_page import show_run_page
from .settings import path_setting

ICON = Path(__file__).with_name("icon.png")


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
