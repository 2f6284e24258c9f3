"""Downloads: answers in every format, and a detection as sound and as image."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.answers.archive import zip_results
from birdsong.answers.export_formats import FORMATS
from birdsong.answers.prediction import Detection, Prediction
from birdsong.answers.result_files import result_bytes
from birdsong.answers.spectrogram_views import OverviewSpectrogram, crop
from birdsong.sound.clips import clip_wav

from .answer_text import format_time, safe_stem
from .predictions import PredictionCache, Upload
from .sound_figure import LIGHT, MAX_COLUMNS, coloured_png

_SCALE = 4  # file pixels per image pixel, in both directions


def show_downloads(upload: Upload, cache: PredictionCache, prediction: Prediction) -> None:
    """Offer the answer to one recording in every format, and its detections."""
    stem = safe_stem(upload.name)
    spectrogram = cache.classifier.bundle.spectrogram
    with st.popover("Download", icon=":material/download:"):
        for name, each in FORMATS.items():
            st.download_button(
                each.description,
                result_bytes([prediction], name, spectrogram),
                file_name=stem + each.suffix,
                mime=each.media_type,
                on_click="ignore",
                key=f"{name}-{upload.key}",
                width="stretch",
            )
        if prediction.detections:
            _show_detection(upload, cache, prediction, stem)


def show_archive(
    uploads: Sequence[Upload], predictions: Sequence[Prediction], cache: PredictionCache
) -> None:
    """Offer the answers to several recordings as one ZIP."""
    spectrogram = cache.classifier.bundle.spectrogram
    st.download_button(
        f"All {len(uploads)} answers as ZIP",
        lambda: zip_results(predictions, distinct_stems(uploads), spectrogram),
        file_name="birdsong.zip",
        mime="application/zip",
        on_click="ignore",
        icon=":material/folder_zip:",
    )


def distinct_stems(uploads: Sequence[Upload]) -> list[str]:
    """Return safe, distinct file names without suffix: a repeated name gets its number."""
    stems: list[str] = []
    for number, upload in enumerate(uploads, start=1):
        stem = safe_stem(upload.name)
        used = {each.casefold() for each in stems}
        stems.append(f"{stem}_{number}" if stem.casefold() in used else stem)
    return stems


def _show_detection(
    upload: Upload, cache: PredictionCache, prediction: Prediction, stem: str
) -> None:
    def detection_text(detection: Detection) -> str:
        times = (
            format_time(time_s, prediction.duration_s)
            for time_s in (detection.start_s, detection.end_s)
        )
        return f"{' to '.join(times)}: {detection.taxon}"

    st.divider()
    detection = st.selectbox(
        "One detection",
        prediction.detections,
        format_func=detection_text,
        key=f"detection-{upload.key}",
    )
    name = f"{stem}_{detection.start_s:.1f}_{safe_stem(detection.taxon)}"
    st.download_button(
        "Its sound as WAV",
        lambda: clip_wav(upload.content, detection.start_s, detection.end_s, name=upload.name),
        file_name=f"{name}.wav",
        mime="audio/wav",
        on_click="ignore",
        key=f"wav-{upload.key}",
        width="stretch",
    )
    st.download_button(
        "Its spectrogram as PNG",
        lambda: detection_png(cache.overview(upload), detection),
        file_name=f"{name}.png",
        mime="image/png",
        on_click="ignore",
        key=f"png-{upload.key}",
        width="stretch",
    )


def detection_png(overview: OverviewSpectrogram, detection: Detection) -> bytes:
    """Draw one detection, dark on light."""
    image = crop(overview, detection.start_s, detection.end_s, max_columns=MAX_COLUMNS)
    return coloured_png(image, LIGHT, scale=_SCALE)
