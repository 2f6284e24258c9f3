"""Parts of the report: who is taken for whom, every rule drawn, ticks, ranks that there are."""

import re
from dataclasses import replace

import numpy as np
import pytest

from birdsong.bundle.bundle_files import read_bundle
from birdsong.images.store import open_store
from birdsong.learning.evaluation.held_out import score_bundle
from birdsong.learning.evaluation.scores import ScoredRecordings, single_session_note
from birdsong.learning.reporting import figures
from birdsong.learning.reporting.confusion_report import (
    MAX_PAIRS,
    confused_pairs,
    confusion_section,
)
from birdsong.learning.reporting.report import write_report
from birdsong.learning.reporting.selective_figures import risk_and_information
from birdsong.learning.training.history_plot import write_history_plot
from birdsong.selective.rules import BY_HAND, RULES
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.taxonomy import Taxonomy
from tests.parsed_page import ParsedPage


def scored(y_true, y_pred, n_labels, sessions=None):
    """Recordings of *Genus species0* and so on, each with one most probable label."""
    names = [f"Genus species{i:03d}" for i in range(n_labels)]
    tree = Taxonomy.from_lineages(
        Lineage(order="Ordo", family="Familia", genus="Genus", species=name) for name in names
    )
    y_prob = np.full((len(y_true), n_labels), 0.1 / n_labels)
    y_prob[np.arange(len(y_true)), y_pred] += 0.9
    return ScoredRecordings(
        space=LabelSpace(tuple(Label(taxon=name, rank="species") for name in names), tree),
        recordings=tuple(map(str, range(len(y_true)))),
        sessions=tuple(sessions or map(str, range(len(y_true)))),
        y_true=np.array(y_true),
        y_prob=y_prob,
        bird=np.ones(len(y_true)),
        top_segments=(),
    )


def ticks_of(svg):
    """The numbers that stand on the first axis."""
    axis = svg[svg.index('id="matplotlib.axis_1"') : svg.index('id="matplotlib.axis_2"')]
    return [float(word) for word in re.findall(r">([\d.]+)</text>", axis)]


def test_pairs_are_ordered_by_how_often_they_are_confused():
    matrix = np.array([[5, 2, 0], [1, 0, 2], [0, 0, 9]])
    assert confused_pairs(matrix) == [(1, 2, 2, 3), (0, 1, 2, 7), (1, 0, 1, 3)]
    assert confused_pairs(np.diag([3, 4])) == []


def test_confused_pairs_are_listed_and_the_matrix_names_each_label():
    n = 88
    section = confusion_section(scored(range(n), [(i + 1) % n for i in range(n)], n))
    page = ParsedPage(section)
    assert page.tags.count("tr") == 1 + MAX_PAIRS
    assert f"These are the {MAX_PAIRS} most frequent of {n} pairs" in " ".join(page.words.split())
    assert "script" not in page.tags
    svg = section[section.index("<svg") :]
    assert svg.count(">Genus species087</text>") == 4, "on all four sides"
    sizes = {float(size) for size in re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*?([\d.]+)px", svg)}
    assert min(sizes) >= 7, "can be read at full size"
    assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) > n * 0.2 * 72


def test_no_label_taken_for_another():
    assert "No label was confused with another" in confusion_section(scored([0, 1], [0, 1], 2))


def test_labels_of_one_session_are_told():
    assert single_session_note(scored([0, 0, 1, 1], [0, 0, 1, 1], 2)) == ""
    told = single_session_note(scored([0, 0, 1, 1], [0, 0, 1, 1], 2, sessions="abcc"))
    assert told.startswith(" 1 label has one session, ")
    told = single_session_note(scored([0, 1], [0, 1], 2))
    assert told.startswith(" 2 labels have one session, ")


def test_every_rule_is_drawn_and_stands_in_the_legend():
    """Each in a colour or with a marker of its own."""
    names = [rule.name for rule in (*RULES, *BY_HAND)] + [f"rule {i}" for i in range(9)]
    told = [
        {"answers": n, "class": 10 - n, "none": 0, "accuracy": 0.9, "information": 0.1 * n}
        for n in (5, 8)
    ]
    alone = (np.array([0.5, 1.0]), np.array([0.1, 0.2]))
    svg = risk_and_information(dict.fromkeys(names, told), "genus", alone)
    words = ParsedPage(svg).words
    for name in (*names, "any threshold for genus"):
        assert name in words
    assert svg.count('id="line2d_') > 2 * len(names)


@pytest.mark.parametrize("counts", [(31, 32), (2, 2, 2), (1, 3, 4, 5)])
def test_ticks_of_recordings_are_whole_numbers(counts):
    ticks = ticks_of(figures.recall_by_amount(counts, [0.5] * len(counts)))
    assert ticks
    assert all(tick == int(tick) for tick in ticks)


def test_ticks_of_epochs_are_whole_numbers(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig", lambda figure, path, **_: drawn.append(figure)
    )
    row = {"loss": 1.0, "val_loss": 1.0, "top1": 0.5, "val_top1": 0.5, "learning_rate": 0.1}
    write_history_plot([{"epoch": i, **row} for i in range(3)], tmp_path / "history.png")
    for axes in drawn[0].axes:
        ticks = axes.get_xticks()
        assert all(tick == int(tick) for tick in ticks)
        assert {1, 2, 3} <= set(ticks)


def test_a_genus_model_has_no_column_of_species(bundle_dir, images, tmp_path):
    """Of a model whose labels are genera, no table has a column that could not be filled."""
    bundle, store = read_bundle(bundle_dir), open_store(images)
    write_report(score_bundle(bundle, store), bundle, store, tmp_path / "species")
    of_species = (tmp_path / "species" / "report.html").read_text()
    assert "<th>species</th>" in of_species
    assert "<th>name</th>" in of_species
    genera = {"summus": "Acutus", "surgens": "Novus", "profundus": "Gravis"}
    labels = tuple(
        replace(each, taxon=genera[each.taxon.split()[1]], rank="genus", english_name="")
        if each.rank == "species"
        else each
        for each in bundle.labels
    )
    rows = tuple(
        replace(row, genus=genera.get(row.species, row.genus), species="") for row in store.rows
    )
    tree = Taxonomy.from_lineages(
        Lineage(order="Ordo", family="Familia", genus=genus) for genus in genera.values()
    )
    bundle, store = replace(bundle, labels=labels, taxonomy=tree), replace(store, rows=rows)
    metrics = write_report(score_bundle(bundle, store), bundle, store, tmp_path / "genus")
    assert {each["rank"] for each in metrics["labels"]} == {"genus"}
    page = (tmp_path / "genus" / "report.html").read_text()
    assert "<th>genus</th>" in page
    for words in ("<th>species</th>", "<th>name</th>", "Trust at species", "for species<"):
        assert words not in page
