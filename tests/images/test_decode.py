"""Reading picture files: every format and mode, damaged files, and limits."""

import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from tests.hostile.pictures.make import cases, encode, picture, png_header
from vit_core.errors import InputError
from vit_core.images import read_image
from vit_core.images.decode import UPRIGHT

CASES = cases()


def code(source, **options) -> str | None:
    """The code of the InputError that reading raises, or None. Any other exception passes through."""
    try:
        assert read_image(source, **options).mode == "RGB"
        return None
    except InputError as error:
        found = error
    assert re.fullmatch(r"\S+ .*\.", str(found), re.DOTALL)
    return found.code


def pixels(image) -> np.ndarray:
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("name", CASES)
def test_each_file_is_read_or_refused_with_its_code(name, tmp_path):
    file, data, expected = CASES[name]
    (tmp_path / file).write_bytes(data)
    assert code(data) == expected
    assert code(tmp_path / file) == expected
    assert code(str(tmp_path / file)) == expected


def test_a_missing_file_a_folder_and_impossible_names(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nowhere.png", tmp_path, tmp_path / "pipe", "nul\0.png", "x" * 5000):
        assert code(path) == "image-missing"


def test_limits_are_parameters():
    data = encode(picture(30, 40), "PNG")
    assert code(data, max_pixels=1200, max_bytes=len(data)) is None
    assert code(data, max_pixels=1199) == "image-too-large"
    assert code(data, max_bytes=len(data) - 1) == "image-too-heavy"
    assert code(picture(30, 40), max_pixels=1199) == "image-too-large"


@pytest.mark.parametrize("side", [10_000, 12_000, 40_000])  # past our limit, past Pillow's warning, past its error
def test_size_is_refused_before_decoding(side, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    assert code(png_header(side, side)) == "image-too-large"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([data[:20_000] for _, data, _ in CASES.values()]), st.data())
def test_nothing_but_input_error_escapes(noise, data, draw):
    at = draw.draw(st.integers(0, len(data)))
    keep = draw.draw(st.sampled_from([0, len(noise)]))  # overwrite, or insert
    code(noise)
    code(data[:at] + noise + data[at + len(noise) - keep :])
    code(data[:at])


@pytest.mark.parametrize("error", [MemoryError, SyntaxError, OverflowError, RecursionError])
def test_decoder_errors_are_converted(error, monkeypatch):
    def load(self):
        raise error("inside a decoder")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert code(encode(picture(8, 8), "PNG")) == ("image-too-large" if error is MemoryError else "image-truncated")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_exif_orientation(orientation, format):
    upright = picture(32, 48)
    back = {
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }  # not their own inverses
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = back.get(orientation, UPRIGHT.get(orientation))
    data = encode(upright if turn is None else upright.transpose(turn), format, exif=exif, quality=100)
    found = read_image(data)
    assert found.size == (48, 32)
    assert abs(pixels(found) - pixels(upright)).max() <= (0 if format == "PNG" else 24)
    assert read_image(found).size == found.size  # reading the result again does not turn it again
    assert pixels(read_image(found)).tolist() == pixels(found).tolist()


def test_invalid_exif_is_ignored():
    whole = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    stored = picture(8, 12)
    assert read_image(encode(stored, "PNG", exif=whole)).size == (8, 12)
    for exif in [whole[:end] for end in range(20)] + [b"XX" + whole[2:], whole.replace(b"\0\3\0", b"\0\2\0")]:
        assert read_image(encode(stored, "JPEG", exif=b"Exif\0\0" + exif)).size == (12, 8)
        stored.info["exif"] = exif
        assert read_image(stored).size == (12, 8)


def test_exif_orientation_by_hand():
    dot = Image.new("L", (3, 2))
    dot.putpixel((0, 0), 255)  # stored top left
    exif = Image.Exif()
    # CIPA DC-008: what the stored first row and first column are in the upright picture
    places = {1: (0, 0), 2: (2, 0), 3: (2, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 2), 8: (0, 2)}
    places |= dict.fromkeys((0, 9, 99, 65_535), (0, 0))  # other values are ignored
    for exif[0x0112], place in places.items():
        assert read_image(encode(dot, "PNG", exif=exif)).getpixel(place) == (255, 255, 255)


def test_transparency_is_laid_over_white():
    half = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    half.putpixel((1, 0), (255, 0, 0, 255))
    indexed = Image.new("P", (2, 1))
    indexed.putpalette([255, 0, 0, 255, 0, 0])
    indexed.putpixel((1, 0), 1)
    for data in (
        encode(half, "PNG"),
        encode(half, "WEBP", lossless=True),
        encode(indexed, "PNG", transparency=bytes([0, 255])),
        encode(indexed, "PNG", transparency=0),
        encode(indexed, "GIF", transparency=0),
    ):
        assert [read_image(data).getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (255, 0, 0)]


def test_16_bits_are_scaled_not_clipped():
    ramp = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for image in (Image.fromarray(ramp), Image.fromarray(ramp.astype(np.int32))):
        assert pixels(read_image(image))[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    assert pixels(read_image(encode(Image.fromarray(ramp), "PNG")))[0, :, 1].tolist() == [0, 0, 1, 128, 255]


def test_cmyk_keeps_its_colours():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    r, g, b = read_image(encode(red, "JPEG", quality=95)).getpixel((8, 8))
    assert r > 240
    assert max(g, b) < 15


def test_animations_give_their_first_frame():
    for name in ("animated gif", "animated webp", "animated png", "two pictures in one jpeg"):
        found = read_image(CASES[name][1])
        assert abs(pixels(found) - pixels(picture(48, 64))).mean() < 6, name
        assert found.info == ({} if name.endswith("jpeg") else {"frames": 2}), name
    for name in ("palette", "webp", "bmp", "png called jpg"):
        assert read_image(CASES[name][1]).info == {}, name


def test_profiles(monkeypatch):
    image = picture(16, 16)
    srgb, other = (ImageCms.ImageCmsProfile(ImageCms.createProfile(s)).tobytes() for s in ("sRGB", "LAB"))
    plain = pixels(read_image(encode(image, "PNG")))
    assert (pixels(read_image(encode(image, "PNG", icc_profile=srgb))) == plain).all()  # not a bit is touched
    assert (pixels(read_image(encode(image, "PNG", icc_profile=other))) == plain).all()  # another colour space: ignored
    with monkeypatch.context() as patch:  # a conversion from sRGB to sRGB may still round
        patch.setattr(ImageCms, "buildTransform", lambda *_, **__: pytest.fail("converted"))
        read_image(encode(image, "PNG", icc_profile=srgb))
    swapped = bytearray(srgb)  # a profile of another name with red and blue primaries exchanged
    at = [swapped.index(tag, 128) for tag in (b"rXYZ", b"bXYZ")]
    swapped[at[0] : at[0] + 4], swapped[at[1] : at[1] + 4] = b"bXYZ", b"rXYZ"
    swapped = bytes(swapped).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    turned = pixels(read_image(encode(image, "PNG", icc_profile=swapped)))
    assert abs(turned - plain[:, :, ::-1]).max() <= 3
