"""Published tables of birds, each with a few rows in the format of its publisher."""

import random

import numpy as np
import pytest

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import Taxon
from birdsong.taxa.published_tables import read_taxonomy

AVILIST = """\
Sequence,Taxon_rank,Order,Family,Family_English_name,Scientific_name,Authority,English_name_AviList
1,order,Passeriformes,,,Passeriformes,,
2,family,Passeriformes,Turdidae,Thrushes,Turdidae,,
3,genus,Passeriformes,Turdidae,Thrushes,Turdus,,
4,species,Passeriformes,Turdidae,Thrushes,Turdus merula,"Linnaeus, 1758",Common Blackbird
5,subspecies,Passeriformes,Turdidae,Thrushes,Turdus merula mauritanicus,"Hartert, 1902",
6,species,Passeriformes,Corvidae,Crows,Pica pica,"(Linnaeus, 1758)",Eurasian Magpie
7,species,Strigiformes,Strigidae,Owls,Bubo bubo,"(Linnaeus, 1758)",Eurasian Eagle-Owl
"""
CLEMENTS = """\
sort v2024,species_code,taxon_order,category,English name,scientific name,range,order,family,extinct
1,eurbla,10,species,Common Blackbird,Turdus merula,Europe,Passeriformes,Turdidae (Thrushes),,,
2,eurbla1,11,group (monotypic),Common Blackbird (x),Turdus merula mauritanicus,,Passeriformes,,
3,,12,subspecies,,Turdus merula merula,,Passeriformes,Turdidae (Thrushes),
4,eurmag1,13,species,Eurasian Magpie,Pica pica,,Passeriformes,"Corvidae (Crows, Jays, and Magpies)",
5,eueowl1,14,species,Eurasian Eagle-Owl,Bubo bubo,,Strigiformes,Strigidae (Owls)
,,,,,,,,,
"""
EBIRD = """\
TAXON_ORDER,CATEGORY,SPECIES_CODE,TAXON_CONCEPT_ID,PRIMARY_COM_NAME,SCI_NAME,ORDER,FAMILY,REPORT_AS
1,species,eurbla,,Common Blackbird,Turdus merula,Passeriformes,Turdidae (Thrushes and Allies),
2,slash,y1,,blackbird/thrush,Turdus merula/philomelos,Passeriformes,Turdidae (Thrushes),
3,spuh,y2,,Turdus sp.,Turdus sp.,Passeriformes,Turdidae (Thrushes and Allies),
4,hybrid,x1,,a hybrid,Turdus merula x pilaris,Passeriformes,Turdidae (Thrushes and Allies),
5,issf,i1,,a form,Turdus merula mauritanicus,Passeriformes,Turdidae (Thrushes),eurbla
6,species,eurmag1,,Eurasian Magpie,Pica pica,Passeriformes,Corvidae (Crows),
7,species,eueowl1,,Eurasian Eagle-Owl,Bubo bubo,Strigiformes,Strigidae (Owls),
"""
SERVICE = """\
SCIENTIFIC_NAME,COMMON_NAME,SPECIES_CODE,CATEGORY,ORDER,FAMILY_COM_NAME,FAMILY_SCI_NAME
Turdus merula,Common Blackbird,eurbla,species,Passeriformes,Thrushes,Turdidae
Pica pica,Eurasian Magpie,eurmag1,species,Passeriformes,Crows,Corvidae
Bubo bubo,Eurasian Eagle-Owl,eueowl1,species,Strigiformes,Owls,Strigidae
"""
IOC_MASTER = """\
Infraclass,Order,Family (Scientific),Family (English),Genus,Species (Scientific),Subspecies,\
Authority,Species (English),Comment
NEOGNATHAE,,,,,,,,,
,PASSERIFORMES,,,,,,,,
,,Turdidae,Thrushes,,,,,,
,,,,Turdus,,,,,
,,,,,merula,,"Linnaeus, 1758",Common Blackbird,
,,,,,,mauritanicus,,,
,,Corvidae,Crows,,,,,,
,,,,Pica,,,,,
,,,,,pica †,,,Eurasian Magpie,
,STRIGIFORMES,,,,,,,,
,,Strigidae,Owls,,,,,,
,,,,Bubo,,,,,
,,,,,bubo,,,Eurasian Eagle-Owl,
"""
IOC_NAMES = """\
Rank,Scientific Name,English name,Authority
ORDER,ORDER PASSERIFORMES,,
Family,Family Turdidae,Thrushes,
Genus,Turdus,,
Species,Turdus merula,Common Blackbird,Linnaeus
ssp,Turdus merula mauritanicus,,
Blank,,,
Family,Family Corvidae,,
Genus,Pica,,
Species,Pica pica,Eurasian Magpie,
ORDER,ORDER STRIGIFORMES,,
Family,Family Strigidae,,
Genus,Bubo,,
Species,Bubo bubo,Eurasian Eagle-Owl,
"""
IOC_MULTILINGUAL = """\
seq;Order;Family;IOC_13.1;English;Catalan
1;PASSERIFORMES;Turdidae;Turdus merula;Common Blackbird;merla
2;;Corvidae;Pica pica;Eurasian Magpie;
3;STRIGIFORMES;Strigidae;Bubo bubo;Eurasian Eagle-Owl;
"""
OWN = """\
order\tfamily\tgenus\tscientific_name\tenglish_name
Passeriformes\tTurdidae\tTurdus\tturdus_merula\tCommon Blackbird
Passeriformes\tTURDIDAE\tTurdus\tTurdus merula mauritanicus
Passeriformes\tTurdidae\tTurdus\tTurdus merula \u00d7 pilaris
Passeriformes\tCorvidae\tpica\tPICA PICA\tEurasian Magpie
Strigiformes\tStrigidae\tBubo\tBubo bubo\tEurasian Eagle-Owl
"""
TABLES = {
    "avilist": AVILIST,
    "clements": CLEMENTS,
    "ebird": EBIRD,
    "ebird 2021": EBIRD.replace(",ORDER,", ",ORDER1,"),
    "ebird's service": SERVICE,
    "ioc master": IOC_MASTER,
    "ioc names": IOC_NAMES,
    "ioc multilingual": IOC_MULTILINGUAL,
    "own": OWN,
}


@pytest.fixture
def read(tmp_path):
    def read(content, encoding="utf-8"):
        (tmp_path / "birds.csv").write_text(content, encoding=encoding)
        return read_taxonomy(tmp_path / "birds.csv")

    return read


@pytest.mark.parametrize("table", TABLES)
def test_every_table_tells_of_the_same_birds(table, read):
    tree = read(TABLES[table])
    assert tree.nodes == (
        Taxon("class", "Aves"),
        *(Taxon("order", "Passeriformes"), Taxon("order", "Strigiformes")),
        *(Taxon("family", name) for name in ("Corvidae", "Turdidae", "Strigidae")),
        *(Taxon("genus", name) for name in ("Pica", "Turdus", "Bubo")),
        Taxon("species", "Pica pica", "Eurasian Magpie"),
        Taxon("species", "Turdus merula", "Common Blackbird"),
        Taxon("species", "Bubo bubo", "Eurasian Eagle-Owl"),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings(encoding, read):
    tree = read(OWN.replace("\u00d7", "x").replace("Eurasian M", "Mägp"), encoding)
    assert tree.taxon("Pica pica").english_name == "Mägpagpie"


def test_line_ends_of_windows_and_breaks_inside_cells(read):
    content = AVILIST.replace("Common Blackbird", '"Common\nBlackbird"').replace("\n", "\r\n")
    assert read(content).taxon("Turdus merula").english_name == "Common Blackbird"


def test_a_family_without_a_place_hangs_under_the_next_taxon_above(read):
    tree = read(AVILIST.replace("Passeriformes,Corvidae", "Passeriformes,Incertae Sedis"))
    assert [taxon.name for taxon in tree.path("Pica pica")] == [
        *("Aves", "Passeriformes", "Pica", "Pica pica"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "birds.csv: expected a header and one row per taxon, got nothing"),
        (" \n;;\n", "birds.csv: expected a header and one row per taxon, got nothing"),
        (
            "name,latin\nBlackbird,Turdus merula\n",
            r"birds.csv: the header is not that of a known table of birds; expected the columns "
            r"Taxon_rank, Order, Family, Scientific_name \(AviList\); .*got name, latin",
        ),
        (AVILIST.partition("\n")[0], "birds.csv: expected at least one species, got none"),
        (
            AVILIST.replace("5,subspecies", "5,subspeces"),
            "birds.csv, row 6: 'Taxon_rank' must be a rank such as .* got 'subspeces'",
        ),
        (
            AVILIST.replace("Turdus merula,", "Turdus,"),
            "row 5: expected the name of a species such as 'Turdus merula', got 'Turdus'",
        ),
        (
            AVILIST.replace("Strigidae,Owls,Bubo", ",Owls,Bubo"),
            "birds.csv, row 8: the order or the family of 'Bubo bubo' is empty",
        ),
        (
            AVILIST + "8,species,Passeriformes,Corvidae,Crows,Turdus pilaris,,Fieldfare\n",
            r"birds.csv: the genus 'Turdus' stands in two places: in the family 'Turdidae' "
            r"\(row 5\) and in the family 'Corvidae' \(row 9\)",
        ),
        (
            AVILIST + "8,species,Piciformes,Corvidae,Crows,Corvus corax,,Raven\n",
            r"family 'Corvidae' stands in two places: in the order 'Passeriformes' \(row 7\) and "
            r"in the order 'Piciformes' \(row 9\)",
        ),
        (
            AVILIST + "8,species,Passeriformes,Pica,Crows,Corvus corax,,Raven\n",
            r"the name 'Pica' is used twice: for a genus \(row 7\) and for a family \(row 9\)",
        ),
        (
            OWN.replace("Corvidae\tpica", "Corvidae\tCorvus"),
            "row 5: the species 'Pica pica' stands in two genera, its own and 'Corvus'",
        ),
        ("Rank,Scientific Name\nORDER,\n", "birds.csv, row 2: the name of the order is empty"),
        (AVILIST.replace("Crows,Pica", "Crows,Birds,Pica"), "row 7: expected 8 cells, .* got 9"),
        ('order,family,scientific_name\n"a,b,c\n', "birds.csv, row 2: not valid CSV"),
        ("PK\x03\x04", "birds.csv: is a workbook; save its sheet as CSV in UTF-8"),
        ("order\0", "birds.csv: holds NUL bytes"),
    ],
)
def test_tables_that_cannot_be_used(content, message, read):
    with pytest.raises(TaxonomyError, match=message):
        read(content)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(TaxonomyError, match=r"no such file: .*absent.csv"):
        read_taxonomy(tmp_path / "absent.csv")
    with pytest.raises(TaxonomyError, match="cannot be read"):
        read_taxonomy(tmp_path)


def test_all_birds_of_the_world(shared_table):
    tree = read_taxonomy(shared_table("avilist_2025.csv"))
    counts = [sum(taxon.rank == rank for taxon in tree.nodes) for rank in ("order", "family")]
    assert counts == [46, 252]
    assert tree.n_leaves[0] == 11_131
    assert [taxon.name for taxon in tree.path("turdus_MERULA")] == [
        *("Aves", "Passeriformes", "Turdidae", "Turdus", "Turdus merula"),
    ]  # fmt: skip
    assert tree.information[tree.index("Turdus merula")] == pytest.approx(np.log2(11_131))


def test_probabilities_of_all_birds_are_summed_along_the_tree(shared_table):
    tree = read_taxonomy(shared_table("avilist_2025.csv"))
    labels = [taxon.name for taxon in tree.nodes if taxon.rank == "species"]
    random.Random(0).shuffle(labels)
    indices = [tree.index(name) for name in labels]
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(labels)))
    totals = tree.aggregate(indices, probabilities)
    assert totals[0] == pytest.approx(1)
    passerines = tree.index("Passeriformes")
    under = [tree.is_ancestor("Passeriformes", name) for name in labels]
    assert totals[passerines] == pytest.approx(probabilities[under].sum())
