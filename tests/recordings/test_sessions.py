"""Sessions that are inferred from the columns of a manifest."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.recordings.manifest_builder import manifest_from_catalogue
from birdsong.recordings.manifest_checks import check_manifest
from birdsong.recordings.recording import Recording
from birdsong.recordings.sessions import MAX_NUMBER_GAP, infer_sessions
from birdsong.recordings.xeno_canto import CatalogueRecording


def found(number, **changed):
    given = {
        "genus": "Turdus", "species": "merula", "recordist": "A", "place": "Tiergarten",
        "date": "2024-05-01", "latitude": 52.5149, "longitude": 13.35,
    }  # fmt: skip
    return CatalogueRecording(xc_id=f"XC{number}", **given | changed)


def recording(number, **facts):
    extra = {name: facts.pop(name) for name in ("place", "date") if name in facts}
    return Recording(xc_id=f"XC{number}", genus="Turdus", species="merula", extra=extra, **facts)


def groups(recordings):
    """Catalogue numbers, grouped by session."""
    together = {}
    for each, session in zip(recordings, infer_sessions(recordings), strict=True):
        together.setdefault(session, set()).add(int(each.xc_id[2:]))
    return sorted(map(sorted, together.values()))


@pytest.mark.parametrize(
    ("changed", "n_sessions"),
    [
        ({"latitude": 52.5151}, 1),  # 22 m, across the edge of every rounding
        ({"latitude": 52.5151, "place": "Tiergarten, Berlin"}, 1),
        ({"latitude": None}, 1),
        ({"latitude": None, "place": "Grunewald"}, 2),
        ({"latitude": 52.60}, 2),
        ({"longitude": -13.35}, 2),
        ({"date": "2024-05-02"}, 2),
    ],
)
def test_the_same_place_is_found_by_distance(changed, n_sessions):
    recordings = manifest_from_catalogue([found(1), found(900, **changed)])
    assert len({each.session for each in recordings}) == n_sessions
    assert check_manifest(recordings).leaks == ()


def test_one_place_on_both_sides_of_the_date_line():
    recordings = manifest_from_catalogue(
        [found(1, longitude=179.999), found(900, longitude=-179.999)]
    )
    assert recordings[0].session == recordings[1].session


@pytest.mark.parametrize(
    ("at", "other", "n_sessions"),
    [
        ((60.0, 10.0), (60.0, 10.017), 1),  # 0.9 km: degrees are half as long there
        ((60.0, 10.0), (60.0, 10.03), 2),
        ((0.0, 80.0), (0.0, 80.03), 2),  # 3.3 km: at the equator they are not
        ((90.0, 0.0), (90.0, 180.0), 1),  # the pole
    ],
)
def test_degrees_of_longitude_are_shorter_towards_the_poles(at, other, n_sessions):
    pair = [
        found(number, latitude=latitude, longitude=longitude)
        for number, (latitude, longitude) in ((1, at), (900, other))
    ]
    assert len({each.session for each in manifest_from_catalogue(pair)}) == n_sessions


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(90.5, 10.0), (-91, 10.0), (50.0, 180.5), (50.0, -181)]
)
def test_a_place_that_is_not_on_earth_is_not_known(latitude, longitude):
    """The names are the same place; the invalid coordinates would not be."""
    pair = [found(1), found(900, latitude=latitude, longitude=longitude)]
    assert len({each.session for each in manifest_from_catalogue(pair)}) == 1


@pytest.mark.parametrize(
    ("facts", "other", "n_sessions"),
    [
        ({"place": "Pond"}, {"place": "Wood"}, 2),
        ({"place": "Pond"}, {"place": "Pond"}, 1),
        ({"place": "Pond"}, {}, 1),
        ({"recordist": "A"}, {"recordist": "B"}, 2),
        ({"recordist": "A"}, {}, 1),
        ({"date": "2024-05-01"}, {"date": "2024-05-02"}, 2),
        ({"date": "2024-05-01"}, {}, 1),
    ],
)
def test_neighbours_in_the_catalogue_are_parted_by_what_is_known_of_both(facts, other, n_sessions):
    assert len(groups([recording(10, **facts), recording(11, **other)])) == n_sessions


@pytest.mark.parametrize(("apart", "n_sessions"), [(MAX_NUMBER_GAP, 1), (MAX_NUMBER_GAP + 1, 2)])
def test_how_far_neighbours_may_be_apart(apart, n_sessions):
    assert len(groups([recording(10), recording(10 + apart)])) == n_sessions


def test_others_between_them_do_not_part_neighbours():
    recordings = [recording(number, recordist="AB"[number % 2]) for number in range(100, 104)]
    assert groups(recordings) == [[100, 102], [101, 103]]


@pytest.mark.parametrize("date", ["", "0000-00-00", "2024-00-00", "2024-05-00", "spring"])
def test_a_date_that_names_no_day_is_not_known(date):
    known = {"recordist": "A", "place": "Tiergarten"}
    neighbours = [recording(1, date=date, **known), recording(4, date="2024-05-01", **known)]
    assert groups(neighbours) == [[1, 4]]
    assert groups([recording(1, date=date, **known), recording(90, date=date, **known)]) == [
        [1],
        [90],
    ]


def test_what_nobody_knows_is_a_session_of_its_own_by_its_name():
    alone = [Recording(file="b.wav", genus="Turdus")]
    others = [Recording(file=name, genus="Turdus") for name in ("a.wav", "c.wav")]
    assert infer_sessions([others[0], *alone, others[1]])[1] == infer_sessions(alone)[0]
    assert len(set(infer_sessions([*others, *alone]))) == 3


def test_a_session_keeps_its_name_when_it_grows():
    one, more = (
        manifest_from_catalogue([found(200)]),
        manifest_from_catalogue([found(100), found(200)]),
    )
    assert {each.session for each in more} == {one[0].session}


facts = st.fixed_dictionaries(
    {
        "recordist": st.sampled_from(["", "A", "B"]),
        "place": st.sampled_from(["", "here", "there"]),
        "date": st.sampled_from(["", "2024-05-01", "2024-05-02"]),
    }
)


@given(st.dictionaries(st.integers(1, 40), facts, min_size=1, max_size=12), st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, random):
    recordings = [recording(number, **dict(each)) for number, each in rows.items()]
    shuffled = random.sample(recordings, len(recordings))
    named = dict(zip((each.xc_id for each in shuffled), infer_sessions(shuffled), strict=True))
    assert [named[each.xc_id] for each in recordings] == infer_sessions(recordings)


@given(st.dictionaries(st.integers(1, 40), facts, min_size=2, max_size=12))
def test_what_was_made_together_is_never_parted(rows):
    recordings = [recording(number, **dict(each)) for number, each in rows.items()]
    session_of = dict(zip(recordings, infer_sessions(recordings), strict=True))
    for one, other in itertools.combinations(recordings, 2):
        told = [(each.recordist, each.extra["place"], each.extra["date"]) for each in (one, other)]
        if all(told[0]) and told[0] == told[1]:
            assert session_of[one] == session_of[other]
