"""The summary of a folder of images as files: an HTML page, and tables as CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from birdsong.atomic import write_atomically
from birdsong.csv_tables import write_table
from birdsong.errors import DatasetError
from birdsong.html_page import BAR, draw_svg, embedded_png, html_page, integer_ticks
from birdsong.images.contact_sheet import typical_rows
from birdsong.images.explore import NO_BIRD, DatasetSummary, RankedRow, Ranking, TaxonRow
from birdsong.images.store import ImageStore
from birdsong.images.tables import ReceiptRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_IMAGES = 200  # a page with more opens slowly
MAX_NAMED = 5
N_IN_WORDS = 3


def write_explore_page(dataset_summary: DatasetSummary, store: ImageStore, out: Path) -> None:
    """Write ``explore.html``, ``taxa.csv``, ``outliers.csv`` and ``rankings.csv``.

    Parameters
    ----------
    dataset_summary : DatasetSummary
        From `explore.explore`.
    store : ImageStore
        Holds the images.
    out : Path
        Folder, made if need be.

    Raises
    ------
    DatasetError
        If the folder cannot be written, or an image is missing or damaged.
    """
    page = _page(dataset_summary, store)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_table(out / "taxa.csv", TaxonRow, dataset_summary.taxa)
        outliers = [row for row in dataset_summary.receipt if row.reason]
        write_table(out / "outliers.csv", ReceiptRow, outliers)
        ranked = [row for ranking in dataset_summary.rankings for row in ranking.rows]
        write_table(out / "rankings.csv", RankedRow, ranked)
        write_atomically(out / "explore.html", page.encode())
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written ({error})") from error


def summary_sentence(dataset_summary: DatasetSummary) -> str:
    """Summarize the counts in two sentences."""
    statuses = Counter(row.status for row in dataset_summary.receipt)
    hours = sum(row.duration_s for row in dataset_summary.receipt) / 3600
    n_taxa = sum(row.taxon != NO_BIRD for row in dataset_summary.taxa)
    n_bird = sum(row.bird_images for row in dataset_summary.taxa)
    n_background = sum(row.background_images for row in dataset_summary.taxa)
    return (
        f"{len(dataset_summary.receipt)} recordings, {hours:.2f} h: {statuses['ok']} ok, "
        f"{statuses['skipped']} skipped, {statuses['failed']} failed. {n_taxa} taxa, "
        f"{n_bird} images of birds, {n_background} of background."
    )


def ranking_sentence(ranking: Ranking) -> str:
    """Return a line with the first recordings of a ranking and the median of all."""
    named = ", ".join(f"{row.recording} ({row.value:.3g})" for row in ranking.rows[:N_IN_WORDS])
    return f"{ranking.name}, {ranking.unit}: {named}; median {ranking.median:.3g}"


def _page(dataset_summary: DatasetSummary, store: ImageStore) -> str:
    decoded = dataset_summary.decoded
    typical = typical_rows(store)
    largest = sorted(dataset_summary.taxa, key=lambda row: (-row.bird_images, row.taxon))
    shown = {row.taxon for row in largest[:MAX_IMAGES]}
    left_out = (
        f" Only the {MAX_IMAGES} taxa with most images are shown."
        if len(typical) > MAX_IMAGES
        else ""
    )
    body = _BODY.format(
        summary_sentence=escape(summary_sentence(dataset_summary)),
        durations=_histogram([row.duration_s for row in decoded], "seconds", logarithmic=True),
        peaks=_histogram(
            [row.peak_dbfs for row in decoded if row.peak_dbfs is not None], "peak level (dBFS)"
        ),
        per_taxon=_histogram(
            [row.recordings for row in dataset_summary.taxa], "recordings of a taxon", whole=True
        ),
        rates=_counts("sample rate", Counter(f"{row.sample_rate_hz} Hz" for row in decoded)),
        licences=_counts("licence", Counter(dataset_summary.licences)),
        reasons=_reasons(dataset_summary),
        rankings="".join(_ranking(ranking) for ranking in dataset_summary.rankings),
        images="".join(
            _figure(store, taxon, row.image) for taxon, row in typical.items() if taxon in shown
        ),
        left_out=left_out,
        taxa="\n".join(_taxon(row) for row in dataset_summary.taxa),
    )
    return html_page("What is in the data", body)


def _histogram(
    values: Sequence[float], label: str, *, logarithmic: bool = False, whole: bool = False
) -> str:
    if not values:
        return "<p>None.</p>"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        low, high = min(values), max(values)
        if logarithmic and low > 0 and high > 1.5 * low:
            axes.hist(values, np.geomspace(low, high, 41).tolist(), color=BAR)
            axes.set_xscale("log")
            for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
                formatter("{x:g}")
        elif whole:  # a bar holds as many whole numbers as the next
            width = int(high - low) // 40 + 1
            axes.hist(values, np.arange(low - 0.5, high + width + 0.5, width).tolist(), color=BAR)
            integer_ticks(axes.xaxis)
        else:
            axes.hist(values, min(40, max(5, len(set(values)))), color=BAR)
        axes.set(xlabel=label, ylabel="count")
        integer_ticks(axes.yaxis)

    return draw_svg(draw, width=7.5, height=2.4)


def _counts(name: str, counts: Counter[str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(each)}</td><td>{n}</td></tr>" for each, n in counts.most_common()
    )
    return (
        f"<table><thead><tr><th>{name}</th><th>recordings</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _reasons(dataset_summary: DatasetSummary) -> str:
    if not dataset_summary.reasons:
        return "<p>Nothing does.</p>"
    words = {"ok": "ok, with a warning"}
    rows = []
    for reason in dataset_summary.reasons:
        named = ", ".join(reason.recordings[:MAX_NAMED])
        more = len(reason.recordings) - MAX_NAMED
        rows.append(
            f"<tr><td>{len(reason.recordings)}</td>"
            f"<td>{words.get(reason.status, reason.status)}</td><td>{escape(reason.text)}</td>"
            f"<td>{escape(named)}{f' and {more} more' if more > 0 else ''}</td></tr>"
        )
    return (
        "<table><thead><tr><th>recordings</th><th>status</th><th>reason</th>"
        f"<th>which</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _ranking(ranking: Ranking) -> str:
    rows = "".join(
        f"<tr><td>{row.place}</td><td>{row.value:.3g}</td><td>{escape(row.recording)}</td>"
        f"<td><i>{escape(row.taxon)}</i></td></tr>"
        for row in ranking.rows
    )
    return (
        f"<h3>The {ranking.name}</h3><p>The median is {ranking.median:.3g} {ranking.unit}.</p>"
        f'<div class="wide"><table><thead><tr><th></th><th>{ranking.unit}</th><th>recording</th>'
        f"<th>taxon</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figure(store: ImageStore, taxon: str, image: str) -> str:
    try:
        png = (store.folder / image).read_bytes()
    except OSError as error:
        raise DatasetError(f"{store.folder / image}: cannot be read ({error})") from error
    return (
        f"<figure>{embedded_png(png, f'spectrogram of {taxon}')}"
        f"<figcaption><i>{escape(taxon)}</i></figcaption></figure>"
    )


def _taxon(row: TaxonRow) -> str:
    return (
        f"<tr><td><i>{escape(row.taxon)}</i></td><td>{escape(row.english_name)}</td>"
        f"<td>{escape(row.family)}</td><td>{row.recordings}</td><td>{row.sessions}</td>"
        f"<td>{row.minutes:.1f}</td><td>{row.bird_images}</td>"
        f"<td>{row.background_images}</td></tr>"
    )


_BODY = """<p>{summary_sentence}</p>
<h2>Recordings to check</h2>
<p>Listen to these before you train on them. outliers.csv lists every recording that was skipped,
failed or got a warning; rankings.csv lists the quietest, shortest and emptiest recordings.</p>
<div class="wide">{reasons}</div>
{rankings}
<h2>How long the recordings are</h2>
{durations}
<h2>How loud they are</h2>
<p>0 dBFS is full scale: a recording that reaches it may be clipped.</p>
{peaks}
<h2>How many there are of each taxon</h2>
{per_taxon}
<h2>Sample rates</h2>
<div class="wide">{rates}</div>
<h2>Licences</h2>
<p>attribution.csv beside the images names each recording's recordist.</p>
<div class="wide">{licences}</div>
<h2>A typical image of each taxon</h2>
<p>Time from left to right, high sounds on top.{left_out}</p>
<div class="images">{images}</div>
<h2>Each taxon</h2>
<div class="wide"><table>
<thead><tr><th>taxon</th><th>name</th><th>family</th><th>recordings</th><th>sessions</th>
<th>minutes</th><th>bird images</th><th>background</th></tr></thead>
<tbody>
{taxa}
</tbody></table></div>
"""
