"""The pages beside the answers: the model's card, a folder of images, a training's curves."""

import csv
import shutil

import pytest

pytest.importorskip("streamlit", reason="the app needs Streamlit")

from streamlit.testing.v1 import AppTest

from birdsong.app.bundle_choice import without_empty_columns

PATIENCE_S = 120


def images_script():
    from birdsong.app.images_page import show_images_page
    from birdsong.app.settings import path_setting

    show_images_page(path_setting("images"))


def run_script():
    from birdsong.app.run_page import show_run_page
    from birdsong.app.settings import path_setting

    show_run_page(path_setting("run"))


def card_script():
    from os import environ
    from pathlib import Path

    from birdsong.answers.classifier import Classifier
    from birdsong.app.model_page import show_model_page

    folder = Path(environ["BIRDSONG_BUNDLE"])
    show_model_page(Classifier.load(folder), folder)


def shown(script):
    page = AppTest.from_function(script, default_timeout=PATIENCE_S).run()
    assert not page.exception
    return page


def texts(page):
    return " ".join(each.value for each in (*page.markdown, *page.caption, *page.error))


def test_what_a_folder_of_images_holds(images, monkeypatch):
    monkeypatch.setenv("BIRDSONG_IMAGES", str(images))
    page = shown(images_script)
    assert [(each.label, each.value) for each in page.metric][:2] == [
        ("Recordings", "24"), ("Taxa", "3"),
    ]  # fmt: skip
    assert list(page.dataframe[0].value["Taxon"]) == [
        "Acutus summus", "Acutus surgens", "Gravis profundus",
    ]  # fmt: skip
    assert 0 < len(page.image) <= 12
    assert "*Acutus summus* (High Voice)" in texts(page)


def test_a_folder_without_images_says_how_they_are_made(monkeypatch, tmp_path):
    monkeypatch.setenv("BIRDSONG_IMAGES", str(tmp_path))
    page = shown(images_script)
    assert page.error
    assert "birdsong preprocess" in page.code[0].value


def test_a_damaged_image_is_said(images, monkeypatch, tmp_path):
    damaged = tmp_path / "images"
    shutil.copytree(images, damaged)
    for path in (damaged / "Acutus_summus").iterdir():
        path.write_bytes(b"no image")
    monkeypatch.setenv("BIRDSONG_IMAGES", str(damaged))
    page = shown(images_script)
    assert "cannot be read as a PNG" in texts(page)


def test_the_curves_of_a_training(monkeypatch, tmp_path):
    (tmp_path / "history.csv").write_text(
        "epoch,loss,top1,val_loss,val_top1,learning_rate,seconds,images_per_s\n"
        "0,2.5,0.3,2.6,0.25,0.001,12.5,300\n1,2.0,0.4,2.3,0.35,0.0005,11.5,310\n"
    )
    (tmp_path / "system.csv").write_text("time_s,cpu_percent,gpu_percent\n1,50,\n2,60,\n")
    monkeypatch.setenv("BIRDSONG_RUN", str(tmp_path))
    page = shown(run_script)
    assert [(each.label, each.value) for each in page.metric] == [
        ("Epochs", "2"), ("Validation, top 1", "35.0%"), ("Seconds an epoch", "12"),
    ]  # fmt: skip
    titles = texts(page)
    assert "Top-1 accuracy" in titles
    assert "Processor, percent" in titles
    assert "GPU" not in titles, "there was none"


def test_epochs_are_counted_from_1_and_legends_are_words(monkeypatch, tmp_path):
    """As the console and history.png count them, whatever history.csv does."""
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n0,2.5,3\n1,2.0,2\n2,1.5,1\n")
    (tmp_path / "system.csv").write_text("time_s,memory_mb,free_memory_mb\n60,5,6\n90,6,5\n")
    monkeypatch.setenv("BIRDSONG_RUN", str(tmp_path))
    drawn = []
    monkeypatch.setattr(
        "streamlit.vega_lite_chart", lambda table, spec: drawn.append((table, spec))
    )
    shown(run_script)
    (loss, of_loss), (memory, of_memory) = drawn
    assert list(loss["epoch"]) == [1, 2, 3]
    assert list(loss["training"]) == [2.5, 2.0, 1.5]
    assert of_loss["encoding"]["x"]["axis"]["tickMinStep"] == 1
    assert of_loss["encoding"]["color"]["scale"]["domain"] == ["training", "validation"]
    assert list(memory["minutes"]) == [1, 1.5]
    assert of_memory["transform"][0]["fold"] == ["this training", "free"]


def test_what_is_no_bird_is_no_taxon(images, monkeypatch, tmp_path):
    """Recordings without a bird are neither counted among taxa nor drawn as one."""
    folder = shutil.copytree(images, tmp_path / "images")
    index = folder / "index.csv"
    with index.open(newline="") as file:
        head, *rows = csv.reader(file)
    ranks = [head.index(rank) for rank in ("order", "family", "genus", "species")]
    for row in rows:
        if row[head.index("species")] == "summus":
            for rank in ranks:
                row[rank] = ""
            row[head.index("kind")] = "background"
    with index.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    monkeypatch.setenv("BIRDSONG_IMAGES", str(folder))
    page = shown(images_script)
    assert [(each.label, each.value) for each in page.metric][1] == ("Taxa", "2")
    assert "no bird" in list(page.dataframe[0].value["Taxon"])
    for name in ("quietest", "shortest", "emptiest"):
        assert f"**The {name}**" in texts(page)


@pytest.mark.parametrize("content", [None, "", "a,b\n", b"\xff\xfe\x00bad", "a\nb,c,d\n"])
def test_a_folder_that_is_no_run_is_said(monkeypatch, tmp_path, content):
    if content is not None:
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "history.csv").write_bytes(content)
    monkeypatch.setenv("BIRDSONG_RUN", str(tmp_path))
    page = shown(run_script)
    shown_text = texts(page) + " ".join(each.value for each in page.info)
    assert "cannot be shown" in shown_text or "has no rows yet" in shown_text


def test_the_models_card(bundle_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(bundle_dir))
    page = shown(card_script)
    assert page.code[0].value.startswith("birdsong card ")
    with_card = tmp_path / "bundle"
    shutil.copytree(bundle_dir, with_card)
    (with_card / "MODEL_CARD.md").write_text("# Model card: voices\n\n<script>x</script>")
    monkeypatch.setenv("BIRDSONG_BUNDLE", str(with_card))
    page = shown(card_script)
    assert "# Model card: voices" in texts(page)


def test_a_column_that_holds_nothing_is_left_out():
    """Of genera, which have no English name; a 0 is something."""
    rows = [{"Taxon": "Turdus", "English name": "", "Recordings": 0}]
    assert without_empty_columns(rows) == [{"Taxon": "Turdus", "Recordings": 0}]
    rows.append({"Taxon": "Turdus merula", "English name": "Common Blackbird", "Recordings": 4})
    assert without_empty_columns(rows) == rows
    assert without_empty_columns([]) == []
