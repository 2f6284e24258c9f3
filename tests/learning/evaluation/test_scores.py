"""A bundle measured on recordings that it did not learn from; the report of it."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from birdsong.answers.classifier import Classifier
from birdsong.bundle.bundle_files import read_bundle
from birdsong.errors import BundleError, DatasetError
from birdsong.images.store import open_store
from birdsong.learning.evaluation.held_out import score_bundle
from birdsong.learning.evaluation.scores import ScoredRecordings, measure, measure_intervals
from birdsong.learning.reporting.report import write_report
from birdsong.pipelines.command import main
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.taxonomy import Taxonomy
from tests.conftest import write_voices
from tests.parsed_page import ParsedPage


@pytest.fixture(scope="module")
def bundle(bundle_dir):
    return read_bundle(bundle_dir)


@pytest.fixture(scope="module")
def store(images):
    return open_store(images)


@pytest.fixture(scope="module")
def held_out(bundle, store):
    return score_bundle(bundle, store)


def test_only_sessions_that_the_bundle_did_not_learn_from(held_out, bundle, store):
    assert held_out.n_from_training == bundle.provenance["learned_from"]["recordings"] == 18
    assert len(held_out.scored.recordings) == 6
    assert held_out.n_unknown == 0
    assert not bundle.sessions & set(held_out.scored.sessions)
    everything = score_bundle(bundle, store, include_training=True)
    assert len(everything.scored.recordings) == 24


def test_taxa_that_the_bundle_does_not_know_are_counted_and_left_out(bundle, store):
    rows = [replace(r, genus="Novus") if r.genus == "Gravis" else r for r in store.rows]
    found = score_bundle(bundle, replace(store, rows=tuple(rows)))
    assert found.unknown_taxa == {"Novus profundus": 8}
    assert found.n_unknown == 8
    assert not found.not_allowed
    assert {bundle.labels[i].taxon for i in found.scored.y_true} <= {
        "Acutus summus", "Acutus surgens",
    }  # fmt: skip


def test_the_telling_image_is_the_recordings_own(held_out):
    scored = held_out.scored
    assert [row.recording for row in scored.top_segments] == list(scored.recordings)


def test_probabilities_are_those_of_classify(held_out, bundle, voices):
    """Short recordings full of song: preprocessing kept every segment that classify hears."""
    folder, _ = voices
    scored = held_out.scored
    for i in range(2):
        heard = Classifier(bundle).classify(folder / scored.recordings[i])
        assert heard.top[0].taxon == scored.labels[scored.y_pred[i]].taxon
        assert heard.top[0].probability == pytest.approx(
            scored.bird[i] * scored.y_prob[i].max(), abs=0.05
        )


def test_images_made_otherwise_are_refused(bundle, voices, tmp_path):
    config = PreprocessConfig(spectrogram=SpectrogramConfig(f_max_hz=9_000))
    preprocess(voices[1][:2], voices[0], tmp_path / "images", config=config)
    with pytest.raises(BundleError, match="its images have fingerprint"):
        score_bundle(bundle, open_store(tmp_path / "images"))


def test_report(held_out, bundle, store, tmp_path):
    metrics = write_report(held_out, bundle, store, tmp_path)
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    for figure in metrics["metrics"].values():
        assert 0 <= figure["low"] <= figure["high"] <= 1
    scored = held_out.scored
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["recording"] for row in rows] == list(scored.recordings)
    for i, row in enumerate(rows):
        values = [float(row[label.taxon]) for label in scored.labels]
        np.testing.assert_allclose(values, scored.bird[i] * scored.y_prob[i], rtol=1e-5)
        assert row["label"] == scored.labels[scored.y_true[i]].taxon
    beyond = metrics["beyond_top"]
    assert (beyond["distance"], beyond["severity"]) == (0, None)  # every one is right
    assert 0 < beyond["distance_5"] <= 4
    assert beyond["macro_auroc"] == 1
    assert beyond["brier_score"] == pytest.approx(0, abs=0.1)
    counts = metrics["confusion"]["counts"]
    assert sum(count for _, _, count in counts) == len(scored.recordings)


def test_page_shows_mistakes_and_fetches_nothing(held_out, bundle, store, tmp_path):
    """Labels are turned round, so that there are mistakes to show; one bears a hostile name."""
    scored = held_out.scored
    turned = replace(
        scored,
        y_true=(scored.y_true + 1) % len(scored.labels),
        recordings=("<script>alert(1)</script>", *scored.recordings[1:]),
    )
    metrics = write_report(replace(held_out, scored=turned), bundle, store, tmp_path)
    assert metrics["beyond_top"]["severity"] == metrics["beyond_top"]["distance"] > 0
    text = (tmp_path / "report.html").read_text()
    page = ParsedPage(text)
    assert page.tags.count("figure") == min(12, len(scored.recordings))
    assert page.tags.count("svg") == 5
    assert "The model is not calibrated" in text
    assert "Species without a label" not in text
    assert "script" not in page.tags
    assert "These metrics are too good" not in text
    assert "A genus or a family among them" not in text
    assert all(source.startswith(("data:", "#")) for source in page.sources)


def test_a_vanished_image_is_named(held_out, bundle, store, tmp_path):
    shutil.copytree(store.folder, tmp_path / "images")
    scored = held_out.scored
    turned = replace(scored, y_true=(scored.y_true + 1) % len(scored.labels))
    gone = scored.top_segments[0].image
    (tmp_path / "images" / gone).unlink()
    store = replace(store, folder=tmp_path / "images")
    with pytest.raises(DatasetError, match=r"\.png: cannot be read"):
        write_report(replace(held_out, scored=turned), bundle, store, tmp_path / "report")


NESTED = (("species", "Turdus merula"), ("genus", "Turdus"), ("family", "Turdidae"))


def nested(y_true, y_prob, labels=NESTED):
    """What a network says whose labels are nested: any other *Turdus*, any other of the family."""
    rows = [("Turdidae", "Turdus merula"), ("Turdidae", "Catharus minimus"), ("Corvidae", "Pica p")]
    tree = Taxonomy.from_lineages(
        Lineage(order="Passeriformes", family=family, genus=name.split()[0], species=name)
        for family, name in rows
    )
    n = len(y_true)
    return ScoredRecordings(
        space=LabelSpace(tuple(Label(taxon=taxon, rank=rank) for rank, taxon in labels), tree),
        recordings=tuple(map(str, range(n))),
        sessions=tuple(map(str, range(n))),
        y_true=np.array(y_true),
        y_prob=np.array(y_prob, dtype=np.float64),
        bird=np.ones(n),
        top_segments=(),
    )


def test_nested_labels_are_measured_at_each_rank_on_what_is_known_at_it():
    labels = (*NESTED, ("species", "Pica p"))
    scored = nested(
        [0, 1, 2, 3],
        [
            [0.2, 0.5, 0.0, 0.3],  # taken for another Turdus: the genus is right
            [0.3, 0.2, 0.1, 0.4],  # taken for Pica, but more probably a Turdus
            [0.0, 0.1, 0.2, 0.7],
            [0.1, 0.1, 0.2, 0.6],
        ],
        labels,
    )
    measured = measure(scored)
    assert measured["top1"] == 1 / 4
    assert measured["top1_order"] == 1
    assert measured["top1_family"] == 3 / 4
    assert measured["top1_genus"] == 1
    assert measured["top1_species"] == 1 / 2


def test_intervals_where_a_rank_is_known_of_a_single_recording():
    scored = nested([0, *[2] * 9], [[0.5, 0.2, 0.3], *[[0.1, 0.2, 0.7]] * 9])
    low, high = measure_intervals(scored, n_resamples=50)["top1_species"]
    assert (low, high) == (pytest.approx(0.025), 1), "of one session next to nothing is known"


def test_macro_recall_of_labels_with_one_session_has_an_interval():
    """Both labels have one session: weights cannot move their recalls, 0 and 1."""
    scored = nested([0, 1], [[0.6, 0.2, 0.2], [0.6, 0.2, 0.2]])
    assert measure(scored)["macro_recall"] == 1 / 2
    intervals = measure_intervals(scored, n_resamples=50)
    for name in ("macro_recall", "mean_average_precision"):
        low, high = intervals[name]
        assert low < 0.2
        assert high > 0.8


def test_a_bundle_with_back_off_is_asked_about_thin_species_too(bundle, store, tmp_path):
    """What is not one of the genus's species is one of its others, also where it is new."""
    labels = tuple(
        replace(label, taxon="Acutus", rank="genus") if label.taxon == "Acutus summus" else label
        for label in bundle.labels
    )
    rows = [
        replace(row, species="novus", family="") if row.species == "summus" else row
        for row in store.rows
    ]
    found = score_bundle(replace(bundle, labels=labels), replace(store, rows=tuple(rows)))
    assert found.n_unknown == 0
    names = {labels[i].taxon for i in found.scored.y_true}
    assert names == {"Acutus", "Acutus surgens", "Gravis profundus"}
    metrics = write_report(found, bundle, store, tmp_path)
    assert {"top1_species", "top1_genus", "top1_family"} <= metrics["metrics"].keys()
    assert "is a genus or a family stands for" in (tmp_path / "report.html").read_text()


def test_command_says_the_figures(bundle_dir, images, tmp_path, capsys):
    assert main(["evaluate", str(bundle_dir), str(images), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "6 recordings of 6 sessions, 3 of 3 labels" in said
    assert "mean average precision" in said
    assert f"report: {tmp_path}/report.html" in said


def test_what_answers_are_worth_is_told_of_a_calibrated_bundle(
    calibrated_dir, store, tmp_path, capsys
):
    bundle = read_bundle(calibrated_dir)
    rows = tuple(replace(r, genus="Novus") if r.genus == "Gravis" else r for r in store.rows)
    found = score_bundle(bundle, replace(store, rows=rows), include_training=True)
    metrics = write_report(found, bundle, store, tmp_path)["answers"]
    assert metrics["calibrated"]
    assert len(metrics["rules"]) == 9
    assert all(len(told) == 9 for told in metrics["rules"].values())
    assert metrics["recordings"] == metrics["first_8_s"]["recordings"] == 16
    assert sum(metrics["verdicts"].values()) == 2
    assert [told["recordings"] for told in metrics["unknown_species"]] == [8] * 9
    text = (tmp_path / "report.html").read_text()
    page = ParsedPage(text)
    assert page.tags.count("svg") == 6
    assert "The model is not calibrated" not in text
    assert "Species without a label" in text
    assert "8 recordings of taxa that the model has no label for" in text
    assert metrics["unknown_species_heard"] == 6, "two are of the test part"
    assert "Training used 6 of them" in text
    assert found.unknown is not None
    others = replace(found.unknown.data, sessions=tuple(f"new {n}" for n in range(8)))
    found = replace(found, unknown=replace(found.unknown, data=others))
    metrics = write_report(found, bundle, store, tmp_path)["answers"]
    assert metrics["unknown_species_heard"] == 0
    assert "Training used none of them" in (tmp_path / "report.html").read_text()


def test_answers_narrowed_to_a_list(calibrated_dir, store, tmp_path, capsys):
    bundle = read_bundle(calibrated_dir)
    only = {"Acutus summus", "Gravis profundus"}
    found = score_bundle(bundle, store, include_training=True, allowed_taxa=only)
    taxa = [label.taxon for label in bundle.bird_labels]
    listed = [taxon in only for taxon in taxa]
    assert found.n_unknown == 0
    assert found.not_allowed == {"Acutus surgens": 8}
    assert found.unknown is None
    assert {taxa[i] for i in found.scored.y_true} == only
    assert not found.scored.y_prob[:, np.logical_not(listed)].any()
    everything = score_bundle(bundle, store, include_training=True).scored
    own = [everything.recordings.index(name) for name in found.scored.recordings]
    np.testing.assert_allclose(
        found.scored.y_prob[:, listed], everything.y_prob[own][:, listed], rtol=1e-9
    )
    metrics = write_report(found, bundle, store, tmp_path)
    assert metrics["narrowed_to"] == sorted(only)
    assert metrics["recordings_of_unknown_taxa"] == 0
    assert metrics["taxa_outside_the_list"] == {"Acutus surgens": 8}
    assert metrics["answers"]["recordings"] == 16


def test_strangers_and_birds_outside_the_list_are_told_apart(
    bundle, bundle_dir, images, tmp_path, capsys
):
    copy = shutil.copytree(images, tmp_path / "images")
    text = (copy / "index.csv").read_text()
    (copy / "index.csv").write_text(text.replace(",Gravidae,Gravis,", ",Gravidae,Novus,"))
    (tmp_path / "l.csv").write_text(
        "Row #,Taxon Order,Category,Common Name,Scientific Name,Count\n"
        "1,1,species,High Voice,Acutus summus,1\n2,2,species,Emu,Dromaius novaehollandiae,1\n"
        "3,3,spuh,voice sp.,Acutus sp.,1\n"
    )
    words = ["evaluate", str(bundle_dir), str(copy), "--only", str(tmp_path / "l.csv")]
    assert main([*words, "--out", str(tmp_path / "report"), "--all"]) == 0
    said = capsys.readouterr()
    assert (
        "left out: 8 of taxa that the bundle does not know (Novus profundus), "
        "8 of known taxa outside the list (Acutus surgens)\n"
    ) in said.out
    assert (
        "l.csv: 1 of the model's 3 labels; 1 unknown name: Dromaius novaehollandiae; "
        "1 name skipped, as of no single species: Acutus sp.\n"
    ) in said.err


def test_command_refuses_what_the_bundle_learned_and_stamps_it_where_overridden(
    bundle, bundle_dir, images, tmp_path, capsys
):
    store = open_store(images)
    known = {row.recording for row in store.rows if row.session in bundle.sessions}
    shutil.copytree(images, tmp_path / "images")
    index = tmp_path / "images" / "index.csv"
    head, *rows = index.read_text().splitlines(keepends=True)
    index.write_text(head + "".join(row for row in rows if row.split(",")[1] in known))
    asked = ["evaluate", str(bundle_dir), str(tmp_path / "images"), "--out", str(tmp_path / "out")]
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert "no recording is left to score bundle 'voices' on: 18 are of sessions" in said
    assert "--all" in said
    assert not (tmp_path / "out").exists()
    assert main([*asked, "--out-of-fold"]) == 2
    assert (
        "'voices' was not trained in folds and holds no out-of-fold logits"
        in capsys.readouterr().err
    )
    assert main([*asked, "--all"]) == 0
    stamp = "These metrics are too good: 18 of these 18 recordings"
    assert stamp in capsys.readouterr().out
    assert stamp in (tmp_path / "out" / "report.html").read_text()
    assert stamp in json.loads((tmp_path / "out" / "metrics.json").read_text())["stamp"]


def test_command_without_a_bundle(images, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), str(images), "--out", str(tmp_path / "out")]) == 2
    assert "is no bundle, it holds no bundle.json" in capsys.readouterr().err


def test_new_recordings_alone_are_all_scored(bundle_dir, tmp_path, capsys):
    (tmp_path / "audio").mkdir()
    rows = write_voices(tmp_path / "audio", n_each=2, first_seed=700)
    preprocess(rows, tmp_path / "audio", tmp_path / "images")
    assert main(
        ["evaluate", str(bundle_dir), str(tmp_path / "images"), "--out", str(tmp_path / "out")]
    ) == 0  # fmt: skip
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["recordings"] == 6
    assert metrics["metrics"]["top1"]["value"] == 1
