"""The contact sheet shows every taxon once."""

from dataclasses import replace

import pytest
from PIL import Image

from birdsong.errors import DatasetError
from birdsong.images.contact_sheet import write_contact_sheet
from birdsong.images.store import open_store


def test_sheet_has_a_image_of_each_species(images, tmp_path):
    store = open_store(images)
    write_contact_sheet(store, tmp_path / "three.png", n_columns=3)
    write_contact_sheet(store, tmp_path / "column.png", n_columns=1)
    with Image.open(tmp_path / "three.png") as three, Image.open(tmp_path / "column.png") as column:
        assert three.width == pytest.approx(3 * column.width, abs=3)
        assert column.height == pytest.approx(3 * three.height, abs=3)
        assert len(three.convert("RGB").getcolors(100_000)) > 100, "images, not blank squares"

    without_birds = replace(
        store, rows=tuple(replace(row, kind="background") for row in store.rows)
    )
    with pytest.raises(DatasetError, match="holds no image of a bird to show"):
        write_contact_sheet(without_birds, tmp_path / "none.png")
