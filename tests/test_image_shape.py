"""Images of another shape than the default's, from a recording to an answer."""

import io
import json

import numpy as np
import pytest
import soundfile
from PIL import Image

from birdsong.answers.classifier import Classifier
from birdsong.answers.spectrogram_views import overview, segment_image
from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.onnx_network import Network
from birdsong.errors import BundleError, DatasetError, OverwriteError
from birdsong.images.packed import PackedStore
from birdsong.images.packing import pack
from birdsong.images.png import encode_png
from birdsong.images.png_batches import PngReader
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.augmentation import AugmentationConfig, augment_images, draw_augmentation
from birdsong.loading.image_sources import PngSource, open_source
from birdsong.preprocessing.preprocess import preprocess
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.sound.spectrogram import SpectrogramConfig
from tests.band_means import linear_network, write_band_mean_bundle
from tests.conftest import RATE_HZ, voice, write_voices
from tests.images.folder_contents import contents
from tests.loading.loaders import batch_loader

CONFIG = SpectrogramConfig(n_mels=48, n_frames=150, hop_length=320)  # segments of 2 s, as usual
SHAPE = (48, 150)


def voice_wav(name: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, voice(name, 7.0, 900), RATE_HZ, format="WAV")
    return content.getvalue()


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    return folder, write_voices(folder, n_each=4)


@pytest.fixture(scope="module")
def store(audio, tmp_path_factory) -> ImageStore:
    folder = tmp_path_factory.mktemp("images") / "images"
    preprocess(audio[1], audio[0], folder, config=PreprocessConfig(spectrogram=CONFIG))
    return open_store(folder)


@pytest.fixture(scope="module")
def bundle_dir(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "voices"
    write_band_mean_bundle(store, folder)
    return folder


def test_every_png_is_as_wide_as_a_segment_has_frames(store):
    settings = json.loads((store.folder / "config.json").read_text())
    assert settings["spectrogram"]["n_mels"] == 48
    assert settings["spectrogram"]["n_frames"] == 150
    assert store.config == CONFIG
    assert store.filters.shape == (48, 257)
    for row in store.rows:
        with Image.open(store.folder / row.image) as image:
            assert image.size == (150, 48)
            assert image.text["birdsong-fingerprint"] == CONFIG.fingerprint()
            np.testing.assert_array_equal(np.asarray(image), store.read_image(row))


@pytest.mark.parametrize("compressed", [False, True])
def test_the_packed_copy_holds_the_same_images(store, compressed):
    description = json.loads((pack(store, compressed=compressed) / "packed.json").read_text())
    assert description["shape"] == [48, 150]
    rows = np.arange(len(store.rows))[::-1]
    expected = np.stack([store.read_image(store.rows[row]) for row in rows])
    copy = open_source(store)
    assert isinstance(copy, PackedStore)
    assert copy.image_bytes == 48 * 150
    np.testing.assert_array_equal(copy.read(rows), expected)
    np.testing.assert_array_equal(PngSource(store).read(rows), expected)


@pytest.mark.parametrize("memory_bytes", [None, 0], ids=["direct", "windows"])
def test_batches_have_the_shape(store, memory_bytes):
    pack(store)
    loader = batch_loader(
        store, store.rows, np.arange(len(store.rows)) % 3, n_labels=3, batch_size=8, shuffle=True,
        memory_bytes=memory_bytes, n_threads=1,
    )  # fmt: skip
    images = np.concatenate([images for images, _ in loader.epoch()])
    assert images.shape == (len(store.rows), *SHAPE, 1)
    fed = sorted(image.tobytes() for image in images)
    assert fed == sorted(store.read_image(row).tobytes() for row in store.rows)


def test_every_kind_of_augmentation_keeps_the_shape(store):
    loader = batch_loader(
        store, store.rows, np.zeros(len(store.rows), int), n_labels=1,
        augmentation=AugmentationConfig.full(), background_rows=store.rows[:5], batch_size=16,
    )  # fmt: skip
    assert all(images.shape[1:] == (*SHAPE, 1) for images, _ in loader.epoch())


def test_masks_reach_all_of_an_image():
    """Masks as large as the image cover, in the end, each of its rows and columns."""
    masks = AugmentationConfig(
        max_shift_frames=0, mixup_alpha=0, max_time_mask_frames=150, max_frequency_mask_bands=48
    )
    bright = np.full((400, *SHAPE), 255, np.uint8)
    draws = draw_augmentation(np.random.default_rng(0), len(bright), masks, shape=SHAPE)
    assert draws.time_mask_ends.max() <= 150
    assert draws.frequency_mask_ends.max() <= 48
    dark = augment_images(bright, draws, masks) == 0
    assert dark.any(axis=0).all()
    assert dark.all(axis=1).any(axis=0)[-1], "the last frame is masked now and then"
    assert dark.all(axis=2).any(axis=0)[-1], "the lowest band too"


def test_a_bundle_answers(store, bundle_dir):
    bundle = read_bundle(bundle_dir)
    assert bundle.spectrogram == CONFIG
    logits = Network(bundle).logits(np.stack([store.read_image(row) for row in store.rows]))
    assert logits.shape == (len(store.rows), len(bundle.labels))
    classifier = Classifier.load(bundle_dir)
    for name, taxon in {"low": "Gravis profundus", "high": "Acutus summus"}.items():
        prediction = classifier.classify(voice_wav(name), name=f"{name}.wav")
        assert prediction.status == "ok"
        assert prediction.top[0].taxon == taxon


def test_training_on_them_gives_a_bundle_that_answers(store, tmp_path, small_network):
    from birdsong.learning.training.train import train

    shares = DatasetConfig(validation_share=0.25, calibration_share=0.25, test_share=0.25)
    train(store, tmp_path / "run", TrainingConfig(dataset=shares, epochs=1, batch_size=8))
    folder = tmp_path / "run" / "bundle"
    assert read_bundle(folder).spectrogram == CONFIG
    prediction = Classifier.load(folder).classify(voice_wav("low"), name="low.wav")
    assert prediction.status == "ok"
    assert len(prediction.top) == 3


def test_a_person_sees_what_the_network_saw(bundle_dir):
    bundle = read_bundle(bundle_dir)
    sound = voice_wav("high")
    assert segment_image(sound, bundle, 0.0, overlap_s=0.0).shape == SHAPE
    view = overview(sound, bundle)
    assert view.image.shape[0] == 48
    assert view.band_edges_hz.shape == (49,)


def test_a_network_for_another_shape_is_refused(bundle_dir):
    bundle = read_bundle(bundle_dir)
    usual = linear_network(np.zeros((65, len(bundle.labels)), np.float32))
    object.__setattr__(bundle, "model_onnx", usual)
    expected = r"expected uint8 \(n, 48, 150, 1\), got tensor\(uint8\) \['?\w+'?, 64, 200, 1\]"
    with pytest.raises(BundleError, match=expected):
        Network(bundle)


def test_an_image_of_another_shape_is_refused(store, images):
    usual = open_store(images)
    path = str(usual.folder / usual.rows[0].image)
    with pytest.raises(DatasetError, match=r"expected an image of 150 x 48 .* got 200 x 64 in"):
        PngReader(CONFIG).read([path])


def test_images_of_two_shapes_are_never_mixed(audio, store):
    recordings, before = audio[1], contents(store.folder)
    with pytest.raises(OverwriteError, match=r"spectrogram\.n_mels 48, not 64; .*n_frames 150, no"):
        preprocess(recordings, audio[0], store.folder)
    assert contents(store.folder) == before


def test_images_of_the_default_shape_are_not_taken_for_others(audio, tmp_path):
    preprocess(audio[1][:2], audio[0], tmp_path / "images")
    assert "n_mels" not in (tmp_path / "images" / "config.json").read_text()
    with pytest.raises(OverwriteError, match=r"\(spectrogram\.n_mels 64, not 48; .*200, not 150\)"):
        preprocess(
            audio[1][:2], audio[0], tmp_path / "images",
            config=PreprocessConfig(spectrogram=CONFIG),
        )  # fmt: skip


def test_large_images_are_read_as_well(tmp_path):
    """Of more than 65,535 bytes, which zlib stores in several blocks."""
    config = SpectrogramConfig(n_mels=256, n_frames=400, n_fft=2048)
    large = np.random.default_rng(0).integers(0, 256, (2, *config.shape), np.uint8)
    paths = []
    for number, image in enumerate(large):
        paths.append(str(tmp_path / f"{number}.png"))
        content = encode_png(image, fingerprint=config.fingerprint())
        (tmp_path / f"{number}.png").write_bytes(content)
    np.testing.assert_array_equal(PngReader(config).read(paths), large)
