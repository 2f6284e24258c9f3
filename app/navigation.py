"""The pages of the app: which there are, and the one that the user chose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from PIL import Image
from streamlit.navigation.page import StreamlitPage as Page

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
    images, run = path_setting("images"), path_setting("run")
    pages = [
        _page(
            "Which bird is this?",
            "answers",
            ":material/graphic_eq:",
            lambda: show_answers_page(classifier),
            default=True,
        ),
        _page(
            "The model", "model", ":material/badge:", lambda: show_model_page(classifier, folder)
        ),
    ]
    if images:
        pages.append(
            _page("Images", "images", ":material/grid_view:", lambda: show_images_page(images))
        )
    if run:
        pages.append(
            _page("Training", "training", ":material/monitoring:", lambda: show_run_page(run))
        )
    st.navigation(pages).run()


def _page(
    title: str, url_path: str, icon: str, show: Callable[[], None], *, default: bool = False
) -> Page:
    return st.Page(show, title=title, icon=icon, url_path=url_path, default=default)
