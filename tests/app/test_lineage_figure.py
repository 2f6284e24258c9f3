"""The path as HTML: the answer marked, what is below it faint, names nothing but text."""

from birdsong.answers.prediction import Prediction
from birdsong.app.lineage_figure import lineage_html
from birdsong.selective.selection import Answer, RankedTaxon

PATH = (
    RankedTaxon("class", "Aves", None, 0.99),
    RankedTaxon("genus", "Turdus", None, 0.93),
    RankedTaxon("species", "Turdus <merula>", "Common Blackbird", 0.6),
)


def path_prediction(taxon):
    answer = Answer(
        rank="genus", taxon=taxon, english_name=None, probability=0.93, promise=0.9, reason="",
        because="", runner_up=None, path=PATH,
    )  # fmt: skip
    return Prediction(
        recording="a", status="ok", promise=0.9, bundle_name="b", bundle_fingerprint="f",
        path=PATH, answer=answer,
    )  # fmt: skip


def test_the_path_marks_the_answer_and_fades_what_is_below():
    html = lineage_html(path_prediction("Turdus"))
    steps = html.split("<li")[1:]
    assert ["aria-current" in step for step in steps] == [False, True, False]
    assert ["opacity:0.65" in step for step in steps] == [False, False, True]
    assert "<i>Turdus &lt;merula&gt;</i> 60 %" in html
    assert "Common Blackbird" in html


def test_no_bird_fades_the_whole_path():
    assert lineage_html(path_prediction(None)).count("opacity:0.65") == 3
