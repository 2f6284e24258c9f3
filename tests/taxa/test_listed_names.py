"""Lists as eBird, BirdNET, iNaturalist and people write them."""

import pytest

from birdsong.errors import TaxonomyError
from birdsong.taxa.csv_rows import parse_csv
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.listed_names import english_key, name_variants, species_level_name
from birdsong.taxa.species_list import parse_species_list
from birdsong.taxa.taxonomy import Taxonomy

TREE = Taxonomy.from_lineages(
    Lineage(order=order, family=family, genus=name.split()[0], species=name, english_name=english)
    for order, family, name, english in [
        ("Passeriformes", "Turdidae", "Turdus merula", "Common Blackbird"),
        ("Passeriformes", "Turdidae", "Turdus philomelos", "Song Thrush"),
        ("Passeriformes", "Laniidae", "Lanius collurio", "Red-backed Shrike"),
        ("Passeriformes", "Passerellidae", "Junco hyemalis", "Dark-eyed Junco"),
        ("Passeriformes", "Icteridae", "Agelaius xanthomus", "Blackbird"),
        ("Passeriformes", "Muscicapidae", "Erithacus rubecula", "European Robin"),
        ("Anseriformes", "Anatidae", "Branta canadensis", "Canada Goose"),
        ("Anseriformes", "Anatidae", "Anas platyrhynchos", "Mallard"),
        ("Charadriiformes", "Laridae", "Larus argentatus", "European Herring Gull"),
        ("Charadriiformes", "Laridae", "Chroicocephalus philadelphia", "Bonaparte's Gull"),
        ("Accipitriformes", "Accipitridae", "Astur gentilis", "Eurasian Goshawk"),
    ]
)

LIFE_LIST = """\
Row #,Taxon Order,Category,Common Name,Scientific Name,Count
1,1,species,Common Blackbird,Turdus merula,3
2,2,issf,Dark-eyed Junco (Slate-colored),Junco hyemalis hyemalis/carolinensis,1
3,3,issf,Song Thrush (philomelos Group),Turdus philomelos [philomelos Group],1
4,4,domestic,Canada Goose (Domestic type),Branta canadensis (Domestic type),2
5,5,spuh,gull sp.,Larus sp.,9
6,6,slash,Herring/Lesser Black-backed Gull,Larus argentatus/fuscus,9
7,7,hybrid,Mallard x American Black Duck (hybrid),Anas platyrhynchos x rubripes,1
8,8,species,Eurasian Goshawk,Accipiter gentilis,1
9,9,species,Emu,Dromaius novaehollandiae,1
"""
SEEN = {"Turdus merula", "Junco hyemalis", "Turdus philomelos", "Branta canadensis",
        "Astur gentilis"}  # fmt: skip


def parse(text, name="list.csv"):
    return parse_species_list(text, TREE, name=name)


@pytest.mark.parametrize("name", ["ebird_world_life_list.csv", "list.txt"])
def test_the_life_list_of_ebird(name):
    listed = parse(LIFE_LIST, name)
    assert listed.taxa == SEEN
    assert listed.unknown == ("Dromaius novaehollandiae",)
    assert listed.ambiguous == (
        "Larus sp.", "Larus argentatus/fuscus", "Anas platyrhynchos x rubripes",
    )  # fmt: skip
    assert not listed.genera_with_missing_species


def test_its_longer_form_with_places():
    text = (
        "Row #,Taxon Order,Category,Common Name,Scientific Name,Count,Location,S/P,Date,LocID,"
        "SubID,Exotic,Countable\r\n"
        '1,6710,species,Common Blackbird,Turdus merula,1,"Spoonbill Pond (includes ramp), #2",'
        "US-FL,19 Aug 2026,L1125706,S1,,1\r\n"
    )
    assert parse(text).taxa == {"Turdus merula"}


def test_all_observations_of_ebird():
    """Comments of people run over lines, and one of them may begin with a number sign."""
    text = (
        "Submission ID,Common Name,Scientific Name,Taxonomic Order,Count,State/Province,"
        "Observation Details,Checklist Comments\n"
        'S1,Common Blackbird,Turdus merula,1,2,DE-BE,"sang\n# in ""spring""\n\nloud",\n'
        "S2,Common Blackbird,Turdus merula,1,X,DE-BE,,\n"
        "S3,European Robin,Erithacus rubecula,1,X\n"
    )
    assert parse(text, "MyEBirdData.csv").taxa == {"Turdus merula", "Erithacus rubecula"}


@pytest.mark.parametrize("with_scientific", [True, False])
def test_the_bar_chart_of_ebird(with_scientific):
    def bar(english, scientific):
        named = f'{english} (<em class="sci">{scientific}</em>)' if with_scientific else english
        return f"{named}\t0.0\t9.132E-4\t\n"

    text = (
        "\nFrequency of observations in the selected location(s).:\n\nNumber of taxa: \t4\n\n"
        "\tJan\t\t\t\tFeb\t\t\t\t\nSample Size:\t49.0\t42.0\t\n\n"
        + bar("Mallard (Domestic type)", "Anas platyrhynchos (Domestic type)")
        + bar("Blue-winged/Cinnamon Teal", "Spatula discors/cyanoptera")
        + bar("Bonaparte's Gull", "Chroicocephalus philadelphia")
        + bar("goose sp.", "Anser/Branta sp.")
    )
    listed = parse(text, "ebird_DE__1900_2026_1_12_barchart.txt")
    assert listed.taxa == {"Anas platyrhynchos", "Chroicocephalus philadelphia"}
    assert listed.unknown == ()
    assert len(listed.ambiguous) == 2


def test_a_list_of_birdnet():
    text = "Turdus merula_Common Blackbird\nAccipiter gentilis_Eurasian Goshawk\nEngine_Engine\n"
    listed = parse(text, "species_list.txt")
    assert listed.taxa == {"Turdus merula", "Astur gentilis"}, "one by its English name alone"
    assert listed.unknown == ("Engine Engine",)


def test_an_export_of_inaturalist():
    text = (
        "id,observed_on,species_guess,scientific_name,common_name,iconic_taxon_name,taxon_id\n"
        "1,2026-05-01,Blackbird?,Turdus merula,Common Blackbird,Aves,12716\n"
        "2,2026-05-01,,Larus,Gulls,Aves,4342\n"
        "3,2026-05-01,,Anas \u00d7 Mareca,,Aves,1\n"
    )
    listed = parse(text, "observations-1.csv")
    assert listed.taxa == {"Turdus merula", "Larus"}
    assert listed.ambiguous == ("Anas \u00d7 Mareca",)


@pytest.mark.parametrize(
    "line",
    [
        *("Red-backed Shrike", "red backed shrike", "RED_BACKED SHRIKE", "Red\u2010backed  Shrike"),
        *("Lanius collurio", "Red-backed Shrike (Lanius collurio)", "Red-backed Shrike  # rare"),
        *("Red-backed Shrike;Lanius collurio", "Neuntöter,Lanius collurio"),
    ],
)
def test_english_names(line):
    assert parse(line, "list.txt").taxa == {"Lanius collurio"}


@pytest.mark.parametrize("name", ["Bonaparte's Gull", "Bonaparte\u2019s Gull", "bonapartes gull"])
def test_apostrophes(name):
    assert parse(name, "list.txt").taxa == {"Chroicocephalus philadelphia"}


def test_a_table_of_english_names():
    assert parse("Common Name,Count\nSong Thrush,2\n").taxa == {"Turdus philomelos"}
    assert parse("species,count\nSong Thrush,2\n").taxa == {"Turdus philomelos"}


def test_an_english_name_of_two_birds_is_an_error_that_names_both():
    lineages = [
        Lineage(genus=name.split()[0], species=name, english_name="Black Bird")
        for name in ("Turdus merula", "Agelaius xanthomus")
    ]
    tree = Taxonomy.from_lineages(lineages)
    said = (
        "list.txt: 'blackbird' is the English name of 'Agelaius xanthomus' and of 'Turdus merula'; "
        "write the scientific name"
    )
    with pytest.raises(TaxonomyError, match=said):
        parse_species_list("blackbird\n", tree, name="list.txt")
    text = "scientific_name,common_name\nMerula nigra,Blackbird\nTurdus merula,Blackbird\n"
    listed = parse_species_list(text, tree, name="list.csv")
    assert (listed.taxa, listed.unknown) == ({"Turdus merula"}, ("Merula nigra",))


def test_only_a_line_that_begins_with_a_number_sign_is_a_comment():
    listed = parse("# of the garden\n  # more\nTurdus merula\n\n#Lanius collurio\n", "list.txt")
    assert listed.taxa == {"Turdus merula"}
    assert listed.unknown == ()
    table = parse_csv("t.csv", '# "of\na,b\n# more\n1,"#\n# 2"\n', comments=True)
    assert [row for _, row in table.rows] == [{"a": "1", "b": "#\n# 2"}]
    assert parse_csv("t.csv", "Row #,b\n#1,2\n").rows == ((2, {"row #": "#1", "b": "2"}),)


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("Turdus merula [merula Group]", "Turdus merula"),
        ("Columba livia (Feral Pigeon)", "Columba livia"),
        ("Junco hyemalis hyemalis/carolinensis", "Junco hyemalis"),
        ("Setophaga coronata coronata x auduboni", "Setophaga coronata"),
        ("Larus argentatus smithsonianus x Larus hyperboreus", ""),
        ("Larus argentatus/fuscus", ""),
        ("Accipitriformes/Falconiformes sp.", ""),
        ("Cairina moschata (Domestic type) x Anas platyrhynchos", ""),
        ("Anas platyrhynchos \u00d7 rubripes", ""),
        ("Turdus cf. merula", ""),
        ("Turdus sp.", "Turdus"),
        ("Picidae sp. (large)", "Picidae"),
        ("(Turdus merula)", "(Turdus merula)"),
    ],
)
def test_what_a_name_means_at_the_level_of_species(name, means):
    assert species_level_name(name) == means


def test_a_bird_that_was_not_identified():
    assert species_level_name("Larus sp.", sp_is_genus=False) == ""
    assert parse("Larus sp.\n", "list.txt").taxa == {"Larus"}, "where a person wrote it"
    with pytest.raises(TaxonomyError, match="knows none of the 1 names of the list"):
        parse("Scientific Name,Count\nLarus sp.,1\n")


def test_ways_and_keys():
    assert name_variants(["Turdus_merula"]) == ("Turdus_merula",)
    whole = "Turdus merula_Blackbird"
    assert name_variants([whole]) == (whole, "Turdus merula", "Blackbird")
    assert name_variants([" ", ""]) == ()
    assert english_key("R\u00fcppell\u2019s Warbler") == english_key("Ruppells warbler")
    assert english_key("Gray-colored Thrush") == english_key("Grey-coloured thrush")
    assert english_key("--") == ""
