"""Every hostile picture is read or refused as expected, in little memory; and details of what is read."""

import io
import json
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile.pictures import profiles
from tests.hostile.pictures.corpus import REFUSED, corpus, profiled
from tests.hostile.pictures.largest import png, pngs
from tests.hostile.pictures.make import encode, picture, png_chunk, png_header
from vit_core.errors import InputError
from vit_core.images import decode as reader
from vit_core.images import read_image

pytestmark = pytest.mark.hostile
ROOT = Path(__file__).resolve().parents[3]
CORPUS = corpus()
MAX_MEGABYTES = 300


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, list]]:
    """{group: {case: [expected, outcome, sentence, seconds, MB]}}, as `try_pictures` prints it."""
    command = [sys.executable, "-m", "tests.hostile.pictures.try_pictures"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, cwd=ROOT, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_expected(outcome: str, expected) -> bool:
    """`expected` is a code, REFUSED for any code, a (width, height), or None for a picture of any size."""
    if expected in (None, REFUSED):
        return outcome.startswith("RGB " if expected is None else "image-")
    return outcome == (expected if isinstance(expected, str) else "RGB {} {}".format(*expected))


@pytest.mark.parametrize("group", ["corpus", "largest", "many parts"])
def test_each_picture_is_read_or_refused_as_expected_within_bounds_of_memory(outcomes, group, measured):
    found = outcomes[group]
    slowest, largest = (max(found, key=lambda case: found[case][i]) for i in (3, 4))
    measured(
        f"{len(found)} hostile pictures, {group}: at most {found[slowest][3]:.2f} s of processor ({slowest}), "
        f"{found[largest][4]:.0f} MB ({largest})"
    )
    assert len(found) >= {"corpus": 120, "largest": 40, "many parts": 25}[group]
    assert not {case: row for case, row in found.items() if not is_expected(row[1], row[0]) or row[4] > MAX_MEGABYTES}


def test_the_largest_size_that_a_sentence_names_can_be_read(outcomes):
    cases = [case for case in outcomes["largest"] if case.endswith(", a row more")]
    for case in cases:
        width, height = outcomes["largest"][case.removesuffix(", a row more")][0]
        most = re.search(r"at most ([\d.]+) megapixels", outcomes["largest"][case][2])[1]
        assert float(most) == pytest.approx(width * height / 1e6, rel=0.003), case
    assert len(cases) > 10


def test_reading_in_bands_gives_the_same_pixels(monkeypatch):
    kinds = [data for _, data, expected in CORPUS.values() if expected is None] + [
        png(kind, depth, 64, 41, *chunks) for _, _, kind, depth, chunks in pngs()
    ]
    monkeypatch.setattr(reader, "BAND_PIXELS", 2**30)
    whole = [np.asarray(read_image(data)) for data in kinds]
    monkeypatch.setattr(reader, "BAND_PIXELS", 200)
    for data, pixels in zip(kinds, whole, strict=True):
        assert np.array_equal(np.asarray(read_image(data)), pixels)


def test_a_jpeg_that_is_too_large_is_read_at_a_part_of_its_size(monkeypatch):
    photo, flat = picture(400, 600), encode(picture(400, 600), "JPEG", quality=95)
    monkeypatch.setattr(reader, "MAX_DECODING_BYTES", 400 * 600 * 8)
    assert read_image(flat).size == (600, 400)
    assert read_image(flat).info == {}
    for scale, size in ((2, (300, 200)), (4, (150, 100)), (8, (75, 50))):
        monkeypatch.setattr(reader, "MAX_DECODING_BYTES", 400 * 600 * 8 // scale**2)
        small = read_image(flat)
        assert small.size == size
        assert small.info == {"part": scale}
        assert np.abs(np.asarray(small, int) - np.asarray(photo.resize(size, Image.Resampling.BOX), int)).mean() < 4
    monkeypatch.setattr(reader, "MAX_DECODING_BYTES", 400 * 600 * 8 // 8**2 - 1)
    for data in (flat, encode(photo, "PNG")):
        with pytest.raises(InputError, match="at most 0.24 megapixels|at most 0.00375 megapixels") as caught:
            read_image(data)
        assert caught.value.code == "image-too-large"


def test_16_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65_535, 64 * 48, dtype=np.uint16).reshape(48, 64)
    grey = np.asarray(read_image(encode(Image.fromarray(ramp), "PNG")))[..., 0].astype(int)
    assert np.abs(grey - (ramp >> 8)).max() <= 1
    assert len(np.unique(grey)) > 200
    clear = np.asarray(read_image(encode(Image.fromarray(ramp), "PNG", transparency=int(ramp[3, 3]))))[..., 0].astype(
        int
    )
    assert clear[3, 3] == 255
    assert (np.delete(clear, 3 * 64 + 3) == np.delete(grey, 3 * 64 + 3)).all()


def test_the_first_of_many_frames_is_read():
    for format in ("GIF", "PNG", "WEBP"):
        data = CORPUS[f"3,000 frames of {format}"][1]
        assert Image.open(io.BytesIO(data)).n_frames == 3_000
        first = read_image(data)
        assert np.asarray(first).max() == 0, format
        assert first.info == {"frames": 3_000}, format
    assert read_image(CORPUS["gif that is javascript"][1]).info == {}


def test_16_bits_of_either_byte_order():
    ramp = np.linspace(0, 65_535, 64 * 48).astype(np.uint16).reshape(48, 64)
    for mode, order in (("I;16", "<u2"), ("I;16B", ">u2")):
        grey = Image.frombytes(mode, (64, 48), ramp.astype(order).tobytes())
        assert np.array_equal(np.asarray(read_image(grey))[..., 1], ramp >> 8), mode
    values = np.random.default_rng(0).integers(0, 65_536, (48, 64, 3))
    rows = np.concatenate([np.zeros((48, 1), ">u2"), values.reshape(48, -1)], 1).astype(">u2")
    data = b"".join(row.tobytes()[1:] for row in rows)  # a byte for the filter, none
    png = png_header(64, 48).replace(b"\x08\2", b"\x10\2")
    header = png[12:29]
    deep = png[:29] + struct.pack(">I", zlib.crc32(header)) + png_chunk(b"IDAT", zlib.compress(data)) + png[-12:]
    assert np.array_equal(np.asarray(read_image(deep)), values >> 8)


def converted(value, primaries, gamma=2.2) -> np.ndarray:
    """What a colour of these primaries is in sRGB, 8 bits, by IEC 61966-2-1."""
    linear = np.array(primaries).T @ (np.array(value) / 255) ** gamma
    srgb = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))  # adapted to D50
    linear = (np.linalg.inv(np.array(srgb).T) @ linear).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_colours_are_converted_by_the_profile():
    flat = {name: np.asarray(read_image(data), int)[8, 8] for name, data in profiled().items()}
    green, grey = np.array([60, 200, 60]), np.array([100] * 3)
    for name, primaries in (("Display P3", profiles.DISPLAY_P3), ("Adobe RGB", profiles.ADOBE_RGB)):
        assert np.abs(flat[name] - converted(green, primaries)).max() < 3, name
        assert flat[name][0] == 0  # out of sRGB's gamut
        assert flat[name][1] > 200
    assert np.abs(flat["linear grey"] - 168).max() <= 1  # 100 / 255 of the light
    assert flat["CMYK"].tolist() == [184] * 3  # the table's grey; without it, cyan
    for name in ("grey, colours in it", "CMYK, colours in it", "half a profile", "programs"):
        assert (flat[name] == green).all(), name
    assert (flat["RGB, grey in it"] == grey).all()
    assert flat["RGB, inks in it"][0] < 15
    assert flat["RGB, inks in it"][1] > 200


def test_only_pixels_are_kept_of_a_file():
    for case in ("gif that is javascript", "jpeg that is a zip", "text of many kinds"):
        image = read_image(CORPUS[case][1])
        assert image.info == {}
        again = encode(image, "PNG")
        assert b"alert" not in again
        assert b"PK\x03\x04" not in again
        assert b"script" not in again


def test_threads_that_read_at_once_get_the_same_and_leave_warning_filters_alone():
    some = [name for name in CORPUS if CORPUS[name][2] != "image-too-large"]
    before = list(warnings.filters)

    def outcome(name):
        try:
            return np.asarray(read_image(CORPUS[name][1])).tobytes()
        except InputError as error:
            return error.code

    alone = {name: outcome(name) for name in some}
    with ThreadPoolExecutor(8) as pool:
        for name, found in zip(some * 4, pool.map(outcome, some * 4), strict=True):
            assert found == alone[name], name
    assert list(warnings.filters) == before
