"""The page about a folder of images: counts of each taxon, examples and outliers."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from birdsong.errors import BirdsongError
from birdsong.images.explore import NO_BIRD, DatasetSummary, explore
from birdsong.images.store import ImageStore, open_store

from .answer_text import count_text, escape_markdown, markdown_code, taxon_text
from .bundle_choice import without_empty_columns

N_IMAGES = 12
_SCALE = 2  # screen pixels per image pixel, in both directions


def show_images_page(folder: Path) -> None:
    """Show the contents of a folder of images."""
    st.title("Images", anchor=False)
    try:
        store, dataset_summary = _open_and_explore(str(folder))
    except BirdsongError as error:
        st.error(escape_markdown(str(error)))
        st.markdown("Make images with")
        st.code(
            f"birdsong preprocess --manifest data_manifest.csv --audio audio --out {folder}",
            language="bash",
        )
        return
    statuses = [row.status for row in dataset_summary.receipt]
    columns = st.columns(4)
    columns[0].metric("Recordings", f"{len(statuses):,}")
    n_taxa = sum(row.taxon != NO_BIRD for row in dataset_summary.taxa)
    columns[1].metric("Taxa", f"{n_taxa:,}")
    columns[2].metric("Images", f"{len(store.rows):,}")
    columns[3].metric(
        "Hours of sound", f"{sum(row.duration_s for row in dataset_summary.receipt) / 3600:.1f}"
    )
    st.caption(f"From {markdown_code(str(folder))}")
    _show_taxa(store, dataset_summary)
    _show_reasons(dataset_summary)


@st.cache_resource(show_spinner="Reading the images' tables …", max_entries=1)
def _open_and_explore(folder: str) -> tuple[ImageStore, DatasetSummary]:
    store = open_store(Path(folder))
    return store, explore(store)


def _show_taxa(store: ImageStore, dataset_summary: DatasetSummary) -> None:
    st.subheader("Images per taxon", anchor=False)
    st.bar_chart(
        {
            "Taxon": [row.taxon for row in dataset_summary.taxa if row.taxon != NO_BIRD],
            "Images": [row.bird_images for row in dataset_summary.taxa if row.taxon != NO_BIRD],
        },
        x="Taxon",
        y="Images",
        sort="-Images",
    )
    table = [
        {
            "Taxon": row.taxon,
            "English name": row.english_name,
            "Recordings": row.recordings,
            "Sessions": row.sessions,
            "Minutes": round(row.minutes, 1),
            "Images": row.bird_images,
            "Family": row.family,
            "Order": row.order,
        }
        for row in dataset_summary.taxa
    ]
    st.dataframe(without_empty_columns(table), hide_index=True)
    chosen = st.selectbox("Images of", [row.taxon for row in dataset_summary.taxa], key="images-of")
    rows = [row for row in store.rows if row.taxon == chosen and row.kind == "bird"]
    if not rows:
        st.caption("No images of this taxon.")
        return
    english = rows[0].english_name if rows[0].species else ""
    rank = "species" if rows[0].species else "genus" if rows[0].genus else ""
    st.markdown(f"{taxon_text(rank, chosen, english)}: {count_text(len(rows), 'image')}")
    examples = rows[:: max(1, len(rows) // N_IMAGES)][:N_IMAGES]
    columns = st.columns(3)
    for i, row in enumerate(examples):
        try:
            image = store.read_image(row)
        except BirdsongError as error:
            columns[i % 3].error(escape_markdown(str(error)))
            continue
        columns[i % 3].image(
            image.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1), output_format="PNG"
        )
        columns[i % 3].caption(f"{markdown_code(row.recording)} from {row.start_s:.1f} s")


def _show_reasons(dataset_summary: DatasetSummary) -> None:
    st.subheader("Outliers", anchor=False)
    if dataset_summary.reasons:
        st.dataframe(
            [
                {"Recording": row.recording, "Status": row.status, "Reason": row.reason}
                for row in dataset_summary.receipt
                if row.reason
            ],
            hide_index=True,
        )
    else:
        st.markdown("Every recording has images, and none has a warning.")
    for ranking in dataset_summary.rankings:
        st.markdown(
            f"**The {ranking.name}**: the median of all is {ranking.median:.3g} {ranking.unit}"
        )
        st.dataframe(
            [
                {"Recording": row.recording, "Taxon": row.taxon, ranking.unit: row.value}
                for row in ranking.rows
            ],
            hide_index=True,
        )
