"""Old names of species and their successors."""

import csv

import pytest

from birdsong.errors import TaxonomyError
from birdsong.taxa.synonyms import Synonym, Synonyms, read_synonyms

TABLE = """\
old_name,new_name,kind,preferred
Accipiter badius,Tachyspiza badia,genus_change,1
Accipiter gentilis,Astur atricapillus,split,0
Accipiter gentilis,Astur gentilis,genus_change,1
Myiagra cervinicolor,Myiagra eichhorni,split,0
Myiagra cervinicolor,Myiagra hebetior,split,0
Elvira chionura,Microchera cupreiceps,genus_change,0
Hirundo daurica,Cecropis daurica,genus_change,1
Hirundo daurica,Cecropis hyperythra,split,1
Pica pica,Pica pica,none,1
turdus_MUSICUS,turdus_philomelos,spelling,
"""


@pytest.fixture
def read(tmp_path):
    def read(content):
        (tmp_path / "synonyms.csv").write_text(content)
        return read_synonyms(tmp_path / "synonyms.csv")

    return read


def test_one_successor_is_meant_and_of_several_the_preferred_one(read):
    synonyms = read(TABLE)
    assert synonyms.successors("accipiter_BADIUS") == ["Tachyspiza badia"]
    assert synonyms.successors("Accipiter gentilis") == ["Astur gentilis"]
    assert synonyms.successors("Turdus musicus") == ["Turdus philomelos"]
    assert synonyms.successors("Astur gentilis") == []
    assert synonyms.former_names("Astur gentilis") == ["Accipiter gentilis"]
    assert synonyms.former_names("Astur atricapillus") == []


@pytest.mark.parametrize(
    ("name", "ambiguity"),
    [
        (
            "Myiagra cervinicolor",
            "'Myiagra cervinicolor' became 'Myiagra eichhorni' or 'Myiagra hebetior', "
            "and the synonyms prefer none",
        ),
        (
            "Hirundo daurica",
            "'Hirundo daurica' became 'Cecropis daurica' or 'Cecropis hyperythra', "
            "and the synonyms prefer none",
        ),
        (
            "Elvira chionura",
            "'Elvira chionura' became 'Microchera cupreiceps' or another species, "
            "and the synonyms prefer none",
        ),
    ],
)
def test_an_ambiguous_synonym_stays_unresolved_and_is_explained(name, ambiguity, read):
    synonyms = read(TABLE)
    assert synonyms.successors(name) == []
    assert synonyms.find(name).ambiguity == ambiguity


def test_a_name_that_stays_is_no_synonym(read):
    assert read(TABLE).find("Pica pica") is None
    assert len(read(TABLE)) == 6


def test_without_preferences_a_single_successor_is_meant(read):
    synonyms = read("old_name;new_name\nA bb;C dd\nE ff;G hh\nE ff;I jj\n")
    assert synonyms.successors("A bb") == ["C dd"]
    assert synonyms.successors("E ff") == []


def test_names_are_followed_from_one_to_the_next():
    synonyms = Synonyms([Synonym("A bb", "C bb", ("C bb",)), Synonym("C bb", "D bb", ("D bb",))])
    assert synonyms.successors("A bb") == ["C bb", "D bb"]


def test_where_the_species_of_a_genus_went(read):
    synonyms = read(TABLE)
    assert synonyms.genus_successors("ACCIPITER") == ["Astur", "Tachyspiza"]
    assert synonyms.genus_successors("Elvira") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("old,new\nA bb,C dd\n", "expected the columns 'old_name' and 'new_name', got old, new"),
        ("old_name,new_name\n", r"synonyms.csv: expected at least one old name, got none"),
        (
            "old_name,new_name\nA bb,\n",
            r"synonyms.csv, row 2: 'new_name' must be the name of a species such as .*, got ''",
        ),
        (
            "old_name,new_name\nA bb,C dd\nC dd,E ff\nE ff,A bb\n",
            r"synonyms.csv: the names form a cycle: A bb -> C dd -> E ff -> A bb",
        ),
        (
            "old_name,new_name\nX yy,A bb\nA bb,C dd\nC dd,A bb\n",
            r"form a cycle: X yy -> A bb -> C dd -> A bb",
        ),
    ],
)
def test_tables_that_cannot_be_used(content, message, read):
    with pytest.raises(TaxonomyError, match=message):
        read(content)


def test_the_shared_table_decides_nearly_every_name(shared_table):
    path = shared_table("synonyms.csv")
    synonyms = read_synonyms(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    olds = {row["old_name"] for row in rows}
    assert len(synonyms) == len(olds) == 2703
    undecided = {old for old in olds if not synonyms.successors(old)}
    assert undecided == olds - {row["old_name"] for row in rows if row["preferred"] == "1"}
    assert len(undecided) == 16
