"""Lists of the species of a place."""

import pytest

from birdsong.errors import TaxonomyError
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.species_list import SpeciesList, allowed_mask, read_species_list
from birdsong.taxa.synonyms import Synonym, Synonyms
from birdsong.taxa.taxonomy import Taxonomy

TREE = Taxonomy.from_lineages(
    Lineage(order=order, family=family, genus=species.split()[0], species=species)
    for order, family, species in [
        ("Passeriformes", "Turdidae", "Turdus merula"),
        ("Passeriformes", "Turdidae", "Turdus philomelos"),
        ("Passeriformes", "Turdidae", "Turdus pilaris"),
        ("Passeriformes", "Turdidae", "Catharus minimus"),
        ("Passeriformes", "Corvidae", "Pica pica"),
        ("Accipitriformes", "Accipitridae", "Astur gentilis"),
    ]
)


@pytest.fixture
def read(tmp_path):
    def read(content, name="list.txt", synonyms=None):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return read_species_list(tmp_path / name, TREE, synonyms)

    return read


def test_a_text_with_comments_and_names_as_people_write_them(read):
    listed = read(
        "# what sings in the garden\n\nTurdus merula\nTURDUS_PHILOMELOS  # in spring\n"
        "Pica pica_Eurasian Magpie\nturdus merula mauritanicus\nParus major\nTurdus merula\n"
    )
    assert listed == SpeciesList(
        taxa=frozenset({"Turdus merula", "Turdus philomelos", "Pica pica"}),
        unknown=("Parus major",),
    )


@pytest.mark.parametrize("line", ["Turdus", "turdus sp.", "Turdus_spp."])
def test_a_genus_is_kept_as_one(line, read):
    assert read(line).taxa == {"Turdus"}


@pytest.mark.parametrize(
    "content",
    [
        "xc_id,genus,species\nXC1,Turdus,merula\nXC2,turdus,turdus_merula\nXC3,Pica,pica\n",
        "xc_id,genus,species\nXC1,Turdus,Turdus merula\nXC3,Pica,pica pica\n",
        "# from the atlas\nscientific_name\nTurdus merula\nPica pica\n",
        "Scientific Name;Count\nTurdus merula;3\nPica pica;2\n",
        'species,english_name\n"Turdus merula","Blackbird, Common"\nPica pica,\n',
        "Turdus merula,Common Blackbird\nPica pica,Eurasian Magpie\n",
        "\ufeffTurdus merula\r\nPica pica\r\n",
    ],
)
def test_tables_and_texts(content, read):
    listed = read(content)
    assert listed.taxa == {"Turdus merula", "Pica pica"}
    assert listed.unknown == ()


def test_a_row_of_a_manifest_known_to_its_genus(read):
    listed = read("file,genus,species\na.wav,Turdus,\nb.wav,Pica,pica\n", "manifest.csv")
    assert listed.taxa == {"Turdus", "Pica pica"}


def test_a_species_that_the_model_does_not_know_of_a_genus_that_it_knows(read):
    listed = read("Turdus iliacus\nPica pica\nParus major\n")
    assert listed.taxa == {"Pica pica"}
    assert listed.genera_with_missing_species == {"Turdus"}
    assert listed.unknown == ("Turdus iliacus", "Parus major")


def test_renamed_species(read):
    synonyms = Synonyms([Synonym("Accipiter gentilis", "Astur gentilis", ("Astur gentilis",))])
    line = "Accipiter gentilis_Northern Goshawk\nPica pica\n"
    assert read(line, synonyms=synonyms).taxa == {"Astur gentilis", "Pica pica"}
    assert read(line).unknown == ("Accipiter gentilis Northern Goshawk",)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "list.txt", "list.txt: the list is empty; expected at least one name"),
        ("# nothing yet\n\n", "list.txt", "list.txt: the list is empty"),
        ("scientific_name\n", "list.csv", "list.csv: the list is empty"),
        (
            "Common Blackbird\nSong Thrush\n",
            "list.txt",
            "list.txt: the model knows none of the 2 names of the list, the first being "
            "'Common Blackbird'; expected scientific names such as 'Turdus merula'",
        ),
        (
            "name,count\nTurdus merula,3\n",
            "list.csv",
            "list.csv: expected a column 'scientific_name' or 'common_name', or 'genus' and "
            "'species', got name, count",
        ),
        (
            "scientific_name,e\t\t\tb",
            "birds.csv",
            "birds.csv: expected a column 'scientific_name' or 'common_name', or 'genus' and "
            "'species', got scien",
        ),
    ],
)
def test_lists_that_narrow_to_nothing(content, name, message, read):
    with pytest.raises(TaxonomyError, match=message):
        read(content, name)


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(TaxonomyError, match="no such file: "):
        read_species_list(tmp_path / "absent.txt", TREE)


def labels(*names):
    return [Label(taxon=name, rank=TREE.taxon(name).rank) for name in names]


NESTED = labels("Turdus merula", "Turdus philomelos", "Turdus", "Turdidae", "Pica pica")


@pytest.mark.parametrize(
    ("listed", "known", "allowed"),
    [
        ({"Turdus merula"}, NESTED, ["Turdus merula"]),
        ({"Turdus"}, NESTED, ["Turdus merula", "Turdus philomelos", "Turdus"]),
        # A fieldfare has no label of its own: it is one of the other Turdus.
        ({"Turdus merula", "Turdus pilaris"}, NESTED, ["Turdus merula", "Turdus"]),
        ({"Catharus minimus"}, NESTED, ["Turdidae"]),
        ({"Pica pica", "Astur gentilis"}, NESTED, ["Pica pica"]),
        ({"Passeriformes"}, NESTED, [label.taxon for label in NESTED]),
        ({"Turdus pilaris"}, labels("Turdus", "Pica"), ["Turdus"]),
    ],
)
def test_labels_that_a_list_allows(listed, known, allowed):
    mask = allowed_mask(SpeciesList(taxa=frozenset(listed)), TREE, known)
    assert [label.taxon for label, is_allowed in zip(known, mask, strict=True) if is_allowed] == (
        allowed
    )


def test_a_species_without_a_place_in_the_tree_is_one_of_the_others_of_its_genus():
    listed = SpeciesList(
        taxa=frozenset({"Pica pica"}), genera_with_missing_species=frozenset({"Turdus", "Catharus"})
    )
    assert allowed_mask(listed, TREE, NESTED).tolist() == [False, False, True, True, True]
    assert allowed_mask(listed, TREE, labels("Turdus merula", "Pica pica")).tolist() == [
        False, True,
    ]  # fmt: skip


def test_a_list_that_admits_no_label():
    with pytest.raises(TaxonomyError, match="none of the 5 labels of the model is of a taxon on"):
        allowed_mask(SpeciesList(taxa=frozenset({"Astur gentilis"})), TREE, NESTED)
