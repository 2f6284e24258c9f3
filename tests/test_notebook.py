"""The worked notebook runs from its first cell to its last, in small."""

import re
from copy import deepcopy
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="needs nbclient to run a notebook")
nbformat = pytest.importorskip("nbformat", reason="needs nbformat to read a notebook")

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "from-recordings-to-answers.ipynb"
IN_SMALL = "N_INDIVIDUALS = 5\nN_NEW = 1\nEPOCHS = 1\n"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_runs(notebook, tmp_path, monkeypatch):
    notebook = deepcopy(notebook)  # what running it shows is not what it shows to a reader
    monkeypatch.setenv("MPLBACKEND", "agg")
    (parameters,) = (
        cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])
    )
    names = [line.partition(" =")[0] for line in parameters.source.splitlines()]
    assert names == [line.partition(" =")[0] for line in IN_SMALL.splitlines()]
    parameters.source = IN_SMALL
    client = nbclient.NotebookClient(
        notebook, timeout=1200, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    last = notebook.cells[-1].outputs[0].text
    assert last.startswith("recording,start_s,end_s,rank,taxon")


def test_what_it_shows_was_run(notebook):
    """In order, without an error, by the code that stands there."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [
        output for cell in cells for output in cell.outputs if output.output_type == "error"
    ]
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)


def test_what_it_says_of_the_model_that_ships_is_counted(notebook):
    """No adverb stands for a figure: the sentence comes from the cell that counts."""
    (cell,) = (cell for cell in notebook.cells if "a species for {" in cell.source)
    said = cell.outputs[0].text
    n_species = int(re.search(r"a species for (\d+) of 72 recordings", said)[1])
    assert f"species {n_species}" in said.splitlines()[-1]
    assert not any("now and then" in cell.source for cell in notebook.cells)
