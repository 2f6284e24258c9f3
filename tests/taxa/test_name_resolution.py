"""Names are resolved in a taxonomy."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from birdsong.taxa.lineage import Lineage, Taxon
from birdsong.taxa.name_resolution import complete_lineage, resolve_lineage, resolve_name
from birdsong.taxa.published_tables import read_taxonomy
from birdsong.taxa.synonyms import Synonym, Synonyms, read_synonyms
from birdsong.taxa.taxonomy import Taxonomy

MANIFEST = Path(__file__).parents[2] / "data_manifest.csv"


def lineage(species, *, family, order="Accipitriformes", english=""):
    genus = species.split()[0]
    return Lineage(order=order, family=family, genus=genus, species=species, english_name=english)


TREE = Taxonomy.from_lineages(
    [
        lineage("Astur gentilis", family="Accipitridae", english="Eurasian Goshawk"),
        lineage("Tachyspiza badia", family="Accipitridae", english="Shikra"),
        lineage("Accipiter nisus", family="Accipitridae", english="Eurasian Sparrowhawk"),
        lineage("Sylvia atricapilla", family="Sylviidae", order="Passeriformes"),
    ]
)


def synonym(old, *new):
    return Synonym(old, new[0] if len(new) == 1 else "", new)


SYNONYMS = Synonyms(
    [
        synonym("Accipiter gentilis", "Astur gentilis"),
        synonym("Accipiter badius", "Tachyspiza badia"),
        synonym("Accipiter nisus", "Astur gentilis"),
        synonym("Falco palumbarius", "Accipiter gentilis"),
        synonym("Motacilla atricapilla", "Curruca atricapilla"),
        synonym("Sylvia atricapilla", "Curruca atricapilla"),
        synonym("Urubitornis solitaria", "Astur gentilis", "Tachyspiza badia"),
        synonym("Lophospiza trivirgata", "Tachyspiza trivirgata"),
    ]
)


@pytest.mark.parametrize(
    ("name", "taxon"),
    [
        ("astur_GENTILIS", "Astur gentilis"),
        ("Accipitridae", "Accipitridae"),
        ("Accipiter gentilis", "Astur gentilis"),
        ("Falco palumbarius", "Astur gentilis"),
        ("Accipiter nisus", "Accipiter nisus"),  # in the tree: itself, whatever the synonyms say
        ("Curruca atricapilla", "Sylvia atricapilla"),  # the tree is the older one
    ],
)
def test_what_a_name_means(name, taxon):
    found = resolve_name(name, TREE, SYNONYMS)
    assert found.taxon == TREE.taxon(taxon)
    assert found.problem == ""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("corvus_cornix", "'corvus cornix' is not among the taxa"),
        ("Lophospiza trivirgata", "'Lophospiza trivirgata' is not among the taxa"),
        ("Motacilla atricapilla", "'Motacilla atricapilla' is not among the taxa"),
        (
            "Urubitornis solitaria",
            "'Urubitornis solitaria' became 'Astur gentilis' or 'Tachyspiza badia', "
            "and the synonyms prefer none",
        ),
    ],
)
def test_what_means_nothing_here(name, problem):
    found = resolve_name(name, TREE, SYNONYMS)
    assert (found.taxon, found.problem) == (None, problem)


def test_a_name_of_today_for_two_of_a_tree():
    lumped = Synonyms(
        [synonym("Astur gentilis", "Astur astur"), synonym("Accipiter nisus", "Astur astur")]
    )
    found = resolve_name("Astur astur", TREE, lumped)
    assert found.problem == ("'Astur astur' may be any of 'Astur gentilis', 'Accipiter nisus' here")


def test_without_synonyms_only_names_of_the_tree_mean_anything():
    assert resolve_name("Accipiter gentilis", TREE).taxon is None
    assert resolve_name("Accipiter nisus", TREE).taxon == Taxon(
        "species", "Accipiter nisus", "Eurasian Sparrowhawk"
    )


def test_a_renamed_bird_takes_the_lineage_of_the_tree_and_keeps_its_original_name():
    old = lineage("Accipiter gentilis", family="Falconidae", order="", english="Goshawk")
    named = resolve_lineage(TREE, old, SYNONYMS)
    assert named.lineage == lineage(
        "Astur gentilis", family="Accipitridae", english="Eurasian Goshawk"
    )
    assert (named.original, named.problem) == ("Accipiter gentilis", "")


def test_a_bird_that_is_called_the_same_has_no_original_name():
    blackcap = lineage("sylvia_atricapilla", family="", english="Blackcap")
    named = resolve_lineage(TREE, blackcap, SYNONYMS)
    assert named.lineage.order == "Passeriformes"
    assert named.lineage.english_name == "Blackcap", "the tree has none"
    assert (named.original, named.problem) == ("", "")


def test_what_the_tree_does_not_hold_is_kept_below_what_it_holds():
    unknown = lineage("Accipiter ignotus", family="Falconidae", order="Falconiformes")
    named = resolve_lineage(TREE, unknown, SYNONYMS)
    assert named.lineage == lineage("Accipiter ignotus", family="Accipitridae")
    assert named.problem == "'Accipiter ignotus' is not among the taxa"
    Taxonomy.from_lineages([named.lineage, *map(_lineage_of, TREE.nodes[-4:])])
    alien = lineage("Mus musculus", family="Muridae", order="Rodentia")
    assert resolve_lineage(TREE, alien, SYNONYMS).lineage == alien


def _lineage_of(taxon):
    return complete_lineage(TREE, Lineage(species=taxon.name))


@pytest.mark.parametrize(
    ("genus", "named", "problem"),
    [
        ("accipiter", "Accipiter", ""),
        ("Motacilla", None, "'Motacilla' is not among the taxa"),
        ("Corvus", None, "'Corvus' is not among the taxa"),
        ("Lophospiza", "Tachyspiza", ""),
    ],
)
def test_a_bird_known_to_its_genus(genus, named, problem):
    found = resolve_lineage(TREE, Lineage(genus=genus), SYNONYMS)
    assert found.problem == problem
    assert found.lineage.genus == (named or genus)
    assert found.lineage.family == ("Accipitridae" if named else "")
    assert found.original == ("Lophospiza" if genus == "Lophospiza" else "")


def test_a_genus_whose_species_went_apart():
    split = Synonyms([synonym("Nisus a", "Astur a"), synonym("Nisus b", "Tachyspiza b")])
    found = resolve_lineage(TREE, Lineage(genus="Nisus"), split)
    assert found.problem == "the species of 'Nisus' went to 'Astur', 'Tachyspiza'"


def test_empty_ranks_are_filled_from_the_tree_and_others_stay():
    filled = complete_lineage(TREE, Lineage(species="Astur gentilis", family="Other"))
    assert filled == Lineage(
        order="Accipitriformes", family="Other", genus="Astur", species="Astur gentilis"
    )
    assert complete_lineage(TREE, Lineage(genus="Corvus")) == Lineage(genus="Corvus")


def manifest_species():
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return {f"{row['genus']} {row['species']}" for row in csv.DictReader(file)}


def test_the_manifest_follows_avilist(shared_table):
    tree = read_taxonomy(shared_table("avilist_2025.csv"))
    species = manifest_species()
    assert len(species) == 485
    assert {name for name in species if resolve_name(name, tree).taxon is None} == set()


def test_older_names_of_the_manifests_species_lead_back_to_them(shared_table):
    tree = read_taxonomy(shared_table("avilist_2025.csv"))
    path = shared_table("synonyms.csv")
    synonyms = read_synonyms(path)
    species = manifest_species()
    former = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["preferred"] == "1" and row["new_name"] in species:
                former[row["new_name"]].append(row["old_name"])
    assert len(former) == 102, "a fifth of the species had another name"
    for name, olds in former.items():
        for old in olds:
            assert resolve_name(old, tree).taxon is None
            assert resolve_name(old, tree, synonyms).taxon == tree.taxon(name)
