"""TIFF: what a page may be, checked by hand and against Pillow; what is refused, with its name."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tests.hostile.pictures.make import encode, picture, tiff
from vit_core.errors import InputError
from vit_core.images import decode, read_image
from vit_core.images.tiff import strip_tiff

SHORT, LONG = 3, 4


def pixels(source) -> np.ndarray:
    return np.asarray(read_image(source)).astype(int)


def plain(width: int, height: int, body: bytes, **changes) -> dict:
    """The tags of an uncompressed grey page of 8 bits."""
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: height, 279: len(body)}
    tags |= {int(tag[1:]): value for tag, value in changes.items()}
    return {
        tag: (LONG if tag in (273, 279, 324, 325) else SHORT, value if isinstance(value, list) else [value])
        for tag, value in tags.items()
        if value is not None
    }


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read_image(data)
    return caught.value


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
def test_modes_and_compressions_are_those_of_a_png(mode, compression):
    if mode in ("RGBA", "LA"):
        image = picture(48, 64)
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image = image.convert(mode)
    else:
        image = picture(48, 64, mode)
    expected = image.convert("RGB") if mode == "CMYK" else read_image(encode(image, "PNG"))
    assert (pixels(encode(image, "TIFF", compression=compression)) == np.asarray(expected)).all()


def test_jpeg_and_fax_compressions():
    image = picture(48, 64)
    for mode in ("L", "RGB"):
        data = encode(image.convert(mode), "TIFF", compression="jpeg", quality=95)
        assert abs(pixels(data) - np.asarray(image.convert(mode).convert("RGB"))).mean() < 3
    bits = image.convert("1")
    for compression in ("group3", "group4", "tiff_ccitt"):
        data = encode(bits, "TIFF", compression=compression)
        assert (pixels(data) == np.asarray(bits.convert("RGB"))).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_byte_orders_and_64_bit_offsets(order, big):
    values = (np.arange(6).reshape(2, 3) * 10_000).astype(f"{order}u2")
    data = tiff(plain(3, 2, values.tobytes(), t258=16), values.tobytes(), order, big)
    assert (pixels(data)[..., 0] == values.astype(int) >> 8).all()
    assert pixels(tiff(plain(2, 1, b"\0\xff"), b"\0\xff", order, big))[0, :, 1].tolist() == [0, 255]


def test_white_is_zero():
    assert pixels(tiff(plain(2, 1, b"\0\xff", t262=0), b"\0\xff"))[0, :, 0].tolist() == [255, 0]
    assert "white is zero" in refusal(tiff(plain(1, 1, b"\0\1", t262=0, t258=16), b"\0\1")).values["format"]


def test_planes_strips_and_tiles_are_put_together():
    image = np.asarray(picture(32, 48))
    planes = b"".join(image[..., c].tobytes() for c in range(3))
    rgb = {"t258": [8, 8, 8], "t262": 2, "t277": 3}
    lengths = {"t273": [0, 1536, 3072], "t279": [1536] * 3}
    assert (pixels(tiff(plain(48, 32, planes, t284=2, **rgb, **lengths), planes)) == image).all()
    strips = {"t273": [0, 48 * 20 * 3], "t278": 20, "t279": [48 * 20 * 3, 48 * 12 * 3]}
    assert (pixels(tiff(plain(48, 32, b"", **rgb, **strips), image.tobytes())) == image).all()
    tiles = [image[y : y + 16, x : x + 32] for y in (0, 16) for x in (0, 32)]
    padded = b"".join(np.pad(tile, ((0, 0), (0, 32 - tile.shape[1]), (0, 0))).tobytes() for tile in tiles)
    places = {"t273": None, "t278": None, "t279": None, "t322": 32, "t323": 16}
    places |= {"t324": [i * 1536 for i in range(4)], "t325": [1536] * 4}
    assert (pixels(tiff(plain(48, 32, b"", **rgb, **places), padded)) == image).all()


def test_alpha_may_be_missing_premultiplied_or_of_no_meaning():
    half = bytes([100, 0, 0, 128])
    rgba = {"t258": [8] * 4, "t262": 2, "t277": 4}
    assert pixels(tiff(plain(1, 1, half, t338=0, **rgba), half)).tolist() == [[[100, 0, 0]]]
    assert abs(pixels(tiff(plain(1, 1, half, t338=2, **rgba), half))[0, 0] - [177, 127, 127]).max() <= 1
    assert abs(pixels(tiff(plain(1, 1, half, t338=1, **rgba), half))[0, 0] - [227, 127, 127]).max() <= 2
    grey = {"t258": [8, 8], "t277": 2, "t338": 1}
    assert abs(pixels(tiff(plain(1, 1, half[2:], **grey), b"\x64\x80"))[0, 0] - [227] * 3).max() <= 2


def test_numbers_of_32_bits_have_a_black_and_a_white():
    for values, expected in (([0.0, 0.5, 1.0], [0, 128, 255]), ([0.25, 0.1, 0.9], [64, 26, 230])):
        data = encode(Image.fromarray(np.array([values], np.float32)), "TIFF")
        assert pixels(data)[0, :, 0].tolist() == expected
    data = encode(Image.fromarray(np.array([[0, 256, 65_535]], np.int32)), "TIFF")
    assert pixels(data)[0, :, 0].tolist() == [0, 1, 255]
    for values in (np.float32([[0, 1.01]]), np.float32([[np.nan, 0]]), np.int32([[-1, 0]]), np.int32([[0, 65_536]])):
        error = refusal(encode(Image.fromarray(values), "TIFF"))
        assert error.code == "image-format"
        assert "outside 0 to" in error.values["format"]


def test_lab_is_converted():
    lab = Image.merge("LAB", [Image.new("L", (2, 2), v) for v in (138, 209, 198)])  # sRGB's red: L* 54, a* 81, b* 70
    assert abs(pixels(encode(lab, "TIFF"))[0, 0] - [255, 0, 0]).max() <= 6


def test_a_profile_and_an_orientation_of_the_file_are_applied():
    from tests.hostile.pictures import profiles

    flat, icc = Image.new("RGB", (16, 16), (60, 200, 60)), profiles.rgb(profiles.DISPLAY_P3)
    assert (pixels(encode(flat, "TIFF", icc_profile=icc)) == pixels(encode(flat, "PNG", icc_profile=icc))).all()
    dot = Image.new("RGB", (6, 4))
    dot.putpixel((0, 0), (255, 255, 255))
    places = {1: (0, 0), 2: (5, 0), 3: (5, 3), 4: (0, 3), 5: (0, 0), 6: (3, 0), 7: (3, 5), 8: (0, 5), 9: (0, 0)}
    for turn, place in places.items():
        for compression in ("raw", "tiff_lzw")[: 2 - (turn > 8)]:  # libtiff does not write 9
            exif = Image.Exif()
            exif[0x0112] = turn
            data = encode(dot, "TIFF", exif=exif, compression=compression)
            assert read_image(data).getpixel(place) == (255, 255, 255)


def test_the_first_page_is_read_and_pages_are_counted():
    first, second = picture(48, 64), Image.new("RGB", (8, 8))
    data = encode(first, "TIFF", save_all=True, append_images=[second, second])
    assert (pixels(data) == np.asarray(first)).all()
    assert read_image(data).info == {"pages": 3}
    assert read_image(encode(first.copy(), "TIFF")).info == {}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"t259": 6}, "old-style JPEG"),
        ({"t259": 34925}, "LZMA"),
        ({"t259": 50000}, "Zstandard"),
        ({"t259": 12345}, "compression 12345"),
        ({"t258": 12}, "12 bits"),
        ({"t258": 7}, "this kind of pixels"),
        ({"t277": 9}, "9 x 8 bits"),
        ({"t50706": [1]}, "camera raw"),
        ({"t254": 1, "t330": 8}, "camera raw"),
        ({"t262": 32803}, "camera raw"),
        ({"t262": 6, "t277": 3, "t258": [8, 8, 8]}, "subsampled"),
    ],
)
def test_kinds_that_are_not_read_are_named(changes, name):
    error = refusal(tiff(plain(4, 4, bytes(48), **changes), bytes(48)))
    assert error.code == "image-format"
    assert name in error.values["format"]


@pytest.mark.parametrize(
    "changes",
    [
        {"t256": 0},
        {"t256": None},
        {"t273": None},
        {"t273": 10**6},
        {"t259": 5, "t279": 10**6},
        {"t259": 5, "t279": 0},
        {"t259": 5, "t273": [0, 0, 0, 0], "t279": [16, 16, 16, 16], "t278": 1},  # the same bytes four times
        {"t278": 1},  # one strip of four
        {"t273": None, "t322": 0, "t323": 16, "t324": 0, "t325": 16},
        {"t273": None, "t322": 60_000, "t323": 60_000, "t324": 0, "t325": 16},
    ],
)
def test_damaged_directories_are_refused(changes):
    body = bytes(40)
    assert refusal(tiff(plain(4, 4, body, **changes), body)).code == "image-truncated"


def test_bytes_are_decoded_once_and_buffers_are_counted():
    row = bytes(1000)
    data = tiff(plain(1000, 4, row, t273=[0] * 4, t279=[1000] * 4, t278=1), row)  # four rows of the same bytes
    assert refusal(data).code == "image-truncated"
    places = {"t273": None, "t279": None, "t278": None, "t322": 4096, "t323": 4096, "t324": 0, "t325": 16}
    with pytest.raises(ValueError, match="tiles of 4096 x 4096"):
        strip_tiff(tiff(plain(4, 4, bytes(16), t259=5, **places), bytes(16)))
    for mode, expected in (("L", 1), ("RGB", 3), ("YCbCr", 7)):  # libtiff converts YCbCr in four bytes more
        data = encode(picture(48, 64, mode), "TIFF", compression="tiff_lzw", strip_size=2**20)
        assert strip_tiff(data).pixel_bytes == expected


def test_a_progressive_jpeg_in_a_strip_is_refused():
    jpeg = encode(picture(16, 16, "L"), "JPEG", progressive=True)
    assert "progressive" in refusal(tiff(plain(16, 16, jpeg, t259=7), jpeg)).values["format"]
    baseline = encode(picture(16, 16, "L"), "JPEG")
    assert read_image(tiff(plain(16, 16, baseline, t259=7), baseline)).size == (16, 16)


def test_only_tags_of_the_first_page_reach_pillow(monkeypatch):
    seen = []
    monkeypatch.setattr(decode, "_open_tiff", lambda reader: seen.append(reader.getvalue()) or Image.open(reader))
    info = {270: "text", 305: "program", 700: b"xmp" * 100, 34377: b"8BIM" * 100, 274: 6}
    read_image(encode(picture(8, 12), "TIFF", tiffinfo=info, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))
    opened = Image.open(io.BytesIO(seen[0]))
    assert set(opened.tag_v2) <= {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 339}
    assert opened.n_frames == 1


def test_a_chain_of_pages_that_loops_ends():
    data = bytearray(encode(picture(8, 8), "TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    assert read_image(bytes(data)).info == {}
