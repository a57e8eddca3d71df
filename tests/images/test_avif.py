"""AVIF: colours, depth, transparency, orientation and animations; what is refused, with its name."""

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image

from tests.hostile.pictures.make import encode, picture
from vit_core.errors import InputError
from vit_core.images import avif, read_image
from vit_core.images.decode import UPRIGHT

#: 9 x 7 pixels of 10 bits, 4:4:4, as libavif writes them: the noise of `test_ten_bits_are_scaled`.
TEN_BITS = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAuQAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAABwAAAAkAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJuY2x4AAIAAgAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAwW1kYXQSAAoIOAj0NYEBA0gyqgETwmMmgUUUXwCCANhLo9BcDFi0BKDO5C4Evpgvh2UxyVHkz/ALmbIFBElyk8IWSuxblrFLNfXe8sWl0Nzm7zbCpZxYUyQy9HrKPf0d5oh9XIb3SDut5Hr4sB2osxoYxMjnEBbm7xcE6JXQOP1t8pdy4u1Ocdps8EmUtALrygUqnDdx0/XQcutSkLPTQzXANoqDF7hI63ugT80JOUK9v/M3UDJuwA8Gi1ROgA=="
)


def pixels(source) -> np.ndarray:
    return np.asarray(read_image(source)).astype(int)


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read_image(data)
    return caught.value


def test_colours_are_those_of_the_picture():
    image = picture(48, 64)
    for subsampling in ("4:4:4", "4:2:0"):
        assert abs(pixels(encode(image, "AVIF", quality=95, subsampling=subsampling)) - np.asarray(image)).mean() < 3
    grey = picture(48, 64, "L")
    assert abs(pixels(encode(grey, "AVIF", quality=95)) - np.asarray(grey.convert("RGB"))).mean() < 3


def test_ten_bits_are_scaled():
    noise = np.random.default_rng(0).integers(0, 256, (750, 750, 3), dtype=np.uint8)[:9, :7]
    found = pixels(TEN_BITS)
    assert found.shape == (9, 7, 3)
    assert abs(found - noise).mean() < 20  # lossy; unscaled values would differ by 85 on average
    assert np.corrcoef(found.ravel(), noise.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("premultiplied", [False, True])
def test_transparency_is_laid_over_white(premultiplied):
    image = Image.new("RGBA", (32, 16), (255, 0, 0, 255))
    image.paste((255, 0, 0, 0), (16, 0, 32, 16))
    found = pixels(encode(image, "AVIF", quality=100, alpha_premultiplied=premultiplied))
    assert abs(found[8, 4] - [255, 0, 0]).max() <= 3
    assert abs(found[8, 28] - [255, 255, 255]).max() <= 3


def test_colours_multiplied_by_their_transparency_are_known_as_such():
    image = Image.new("RGBA", (32, 16), (200, 40, 0, 100))
    data = encode(image, "AVIF", quality=100, alpha_premultiplied=True)
    assert b"prem" in data
    theirs = Image.open(io.BytesIO(data)).convert("RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", theirs.size, "white"), theirs).convert("RGB")
    assert abs(pixels(data) - np.asarray(expected)).max() <= 2


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_rotation_and_mirror_of_the_file_are_applied_once(turn):
    dot = Image.new("RGB", (48, 32))
    dot.paste((255, 255, 255), (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encode(dot, "AVIF", exif=exif, quality=100)
    assert (b"irot" in data or b"imir" in data) == (turn > 1)
    assert abs(pixels(data) - np.asarray(dot.transpose(UPRIGHT[turn]) if turn > 1 else dot)).max() <= 3


def test_an_animation_gives_its_first_frame():
    first = picture(48, 64)
    data = encode(first, "AVIF", quality=95, save_all=True, append_images=[Image.new("RGB", (64, 48))] * 4)
    assert read_image(data).info == {"frames": 5}
    assert abs(pixels(data) - np.asarray(first)).mean() < 4


def test_the_brand_of_the_container_may_come_first():
    data = encode(picture(48, 64), "AVIF")
    assert read_image(data.replace(b"ftypavif", b"ftypmif1", 1)).size == (64, 48)
    heic = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(40)
    assert refusal(heic).values["format"] == "HEIC"


@pytest.mark.parametrize(
    ("was", "new", "name"),
    [
        (b"av01Color", b"gridColor", "AVIF (grid)"),
        (b"av01", b"hvc1", "AVIF (hvc1)"),
        (b"meta", b"free", "still"),
    ],
)
def test_kinds_that_are_not_read_are_named(was, new, name):
    error = refusal(encode(picture(48, 64), "AVIF").replace(was, new, 1))
    assert error.code == "image-format"
    assert name in error.values["format"]


@pytest.mark.parametrize("box", [b"pitm", b"iinf", b"iloc", b"iprp", b"ispe", b"av1C"])
def test_a_file_without_a_box_is_damaged(box):
    assert refusal(encode(picture(48, 64), "AVIF").replace(box, b"free", 1)).code in ("image-truncated", "image-format")


def sequence(width: int, height: int, reduced: bool, deep: bool = False) -> int:
    """What `_sequence_pixels` says of a header written by hand (AV1, 5.5.1)."""
    bits = "000" + "1" + "1" + "00000" if reduced else "000" + "0" + "0" + "0" + "0" + "00000" + "0" * 12 + "00000"
    wide, high = (width - 1).bit_length() or 1, (height - 1).bit_length() or 1
    bits += f"{wide - 1:04b}{high - 1:04b}{width - 1:0{wide}b}{height - 1:0{high}b}" + "000000" + str(int(deep))
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return avif._sequence_pixels(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def test_the_size_is_read_from_the_stream():
    assert sequence(640, 480, True) == (640 * 480, False)
    assert sequence(640, 480, True, deep=True) == (640 * 480, True)
    assert sequence(1, 1, True) == (1, False)
    assert sequence(65_536, 65_536, True) == (2**32, False)
    assert sequence(640, 480, False) == (1024 * 512, True)  # a frame may have any size of ten and nine bits


def test_a_stream_larger_than_the_file_says_is_refused_before_decoding():
    small, large = encode(picture(48, 64), "AVIF"), encode(Image.new("RGB", (4096, 4096)), "AVIF", speed=10)
    at = large.index(b"mdat") + 4
    stream = large[at:]
    place = small.index(b"mdat") - 4
    joined = small[:place] + struct.pack(">I4s", 8 + len(stream), b"mdat") + stream
    length = joined.index(b"iloc") + 22  # of the one extent
    assert joined[length : length + 4] == struct.pack(">I", len(small) - place - 8)
    joined = joined[:length] + struct.pack(">I", len(stream)) + joined[length + 4 :]
    error = refusal(joined)
    assert error.code == "image-too-large"


def test_extents_that_take_no_bytes_are_bounded():
    data = encode(picture(48, 64), "AVIF")
    at = data.index(b"iloc") + 4
    entries = b"".join(struct.pack(">HHH", number, 0, 65_535) for number in range(2, 1000))  # nothing, 65 million times
    places = bytes(6) + struct.pack(">H", 998) + entries
    with pytest.raises(ValueError, match="more extents"):
        avif._item_data(data, {b"iloc": places}, 1)
    assert avif._item_data(data, {b"iloc": data[at : at + 22]}, 1) == data[data.index(b"mdat") + 4 :]


def test_more_than_one_frame_in_the_stream_is_refused():
    data = encode(picture(48, 64), "AVIF")
    at = data.index(b"mdat") + 4
    stream = data[at:] + data[at:]
    length = data.index(b"iloc") + 22
    data = data[: at - 8] + struct.pack(">I4s", 8 + len(stream), b"mdat") + stream
    error = refusal(data[:length] + struct.pack(">I", len(stream)) + data[length + 4 :])
    assert error.values["format"] == "AVIF (layers)"


def test_only_the_picture_reaches_libavif():
    exif, secret = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", b"a secret text" * 100
    data = encode(picture(48, 64), "AVIF", exif=exif, xmp=secret)
    assert secret in data
    stripped = avif.strip_avif(data)
    assert secret not in stripped.data
    assert b"Exif" not in stripped.data
    assert (stripped.pixels, stripped.pixel_bytes) == (64 * 48, 20)
