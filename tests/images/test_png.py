"""An image as a PNG: what goes in comes out, and what is no image is named."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from birdsong.errors import DatasetError
from birdsong.images.png import encode_png, read_png
from birdsong.sound.spectrogram import SpectrogramConfig
from tests.images.small_store import random_images

SHAPE = SpectrogramConfig().shape

images = arrays(np.uint8, SHAPE)


@given(images)
def test_every_image_comes_back(tmp_path_factory, image):
    path = tmp_path_factory.getbasetemp() / "image.png"
    content = encode_png(image, fingerprint="0123456789abcdef")
    path.write_bytes(content)
    np.testing.assert_array_equal(read_png(path, SHAPE), image)
    assert read_png(path, SHAPE).dtype == np.uint8
    assert encode_png(read_png(path, SHAPE), fingerprint="0123456789abcdef") == content


def test_other_programs_see_a_grey_image_and_its_fingerprint():
    (image,) = random_images(1)
    with Image.open(io.BytesIO(encode_png(image, fingerprint="abc"))) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (200, 64), "L")
        assert image.text == {"birdsong-fingerprint": "abc"}
        np.testing.assert_array_equal(np.asarray(image), image)


@pytest.mark.parametrize(
    ("size", "mode", "got"),
    [
        ((64, 200), "L", r"got 64 x 200 in mode L$"),
        ((200, 63), "L", r"got 200 x 63 in mode L$"),
        ((200, 64), "RGB", r"got 200 x 64 in mode RGB$"),
        ((200, 64), "1", r"got 200 x 64 in mode 1$"),
        ((200, 64), "I;16", r"got 200 x 64 in mode I;16$"),
    ],
)
def test_another_image_is_refused(tmp_path, size, mode, got):
    Image.new(mode, size).save(tmp_path / "other.png")
    expected = r"other\.png: expected an image of 200 x 64 in 8-bit grey, "
    with pytest.raises(DatasetError, match=expected + got):
        read_png(tmp_path / "other.png", SHAPE)


def test_another_format_is_refused_whatever_its_ending(tmp_path):
    Image.new("L", (200, 64)).save(tmp_path / "photo.png", format="BMP")
    with pytest.raises(DatasetError, match=r"photo\.png: cannot be read as a PNG"):
        read_png(tmp_path / "photo.png", SHAPE)


@pytest.mark.parametrize("content", [b"", b"this is a letter\n" * 50, b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_is_named(tmp_path, content):
    (tmp_path / "letter.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"letter\.png: cannot be read as a PNG"):
        read_png(tmp_path / "letter.png", SHAPE)


def test_no_such_image(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.png: no such image"):
        read_png(tmp_path / "absent.png", SHAPE)


def test_a_image_that_claims_to_be_huge_is_refused(tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    (tmp_path / "huge.png").write_bytes(content)
    with pytest.raises(DatasetError, match=r"huge\.png: cannot be read as a PNG"):
        read_png(tmp_path / "huge.png", SHAPE)


CONTENT = encode_png(random_images(1)[0], fingerprint="0123456789abcdef")


@given(st.integers(0, len(CONTENT) - 200))
def test_a_image_that_was_cut_off_is_named(tmp_path_factory, n_bytes):
    path = tmp_path_factory.getbasetemp() / "cut.png"
    path.write_bytes(CONTENT[:n_bytes])
    with pytest.raises(DatasetError, match=r"cut\.png: "):
        read_png(path, SHAPE)


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_noticed(tmp_path_factory, position, flip):
    path = tmp_path_factory.getbasetemp() / "flipped.png"
    content = bytearray(CONTENT)
    content[position] ^= flip
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"flipped\.png: "):
        read_png(path, SHAPE)


def test_a_image_that_someone_packed_tighter_is_read(tmp_path):
    (image,) = random_images(1)
    for name, options in {"small": {"optimize": True}, "plain": {"compress_level": 1}}.items():
        path = tmp_path / f"{name}.png"
        Image.fromarray(image).save(path, **options)
        np.testing.assert_array_equal(read_png(path, SHAPE), image)


def test_a_few_bytes_never_unfold_into_many(tmp_path):
    bomb = bytearray(encode_png(random_images(1)[0], fingerprint=""))
    start = bomb.index(b"IDAT") - 4
    data = zlib.compress(bytes(2**26), 9)
    check = struct.pack(">I", zlib.crc32(b"IDAT" + data))
    bomb[start:] = struct.pack(">I", len(data)) + b"IDAT" + data + check
    bomb += b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(DatasetError, match=r"bomb\.png: cannot be read as a PNG"):
        read_png(tmp_path / "bomb.png", SHAPE)
