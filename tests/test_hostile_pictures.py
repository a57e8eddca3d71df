"""Every hostile picture has its outcome, in two seconds and 300 MB; and the reader holds in many threads at once."""

import io
import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.hostile.make import encode, picture
from tests.hostile.pictures import REFUSED, every, frames
from vit_core.errors import InputError
from vit_core.images import MAX_PIXELS, read

ROOT = Path(__file__).resolve().parents[1]
CORPUS = every()
SECONDS, MEGABYTES = 2, 300

#: Reads each file of a folder: name, outcome, seconds of CPU, MB that were resident at most over what was before.
CHILD = """
import json, sys, time
from pathlib import Path
from vit_core.images import read
from vit_core.errors import InputError
def resident(name):
    return int(Path("/proc/self/status").read_text().partition(name + ":")[2].split()[0]) / 1024
for file in sorted(Path(sys.argv[1]).iterdir(), key=lambda f: int(f.name)):
    data = file.read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before, begun = resident("VmRSS"), time.process_time()
    try:
        image = read(data)
        outcome = [image.mode, *image.size]
    except InputError as error:
        outcome = error.code
    except BaseException as error:
        outcome = f"escaped: {type(error).__name__}: {error}"
    print(json.dumps([int(file.name), outcome, time.process_time() - begun, resident("VmHWM") - before]), flush=True)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for number, (_, data, _) in enumerate(CORPUS.values()):
        (folder / str(number)).write_bytes(data)
    done = subprocess.run([sys.executable, "-c", CHILD, folder], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    names = list(CORPUS)
    return {names[number]: rest for number, *rest in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("case", CORPUS)
def test_each_has_its_outcome_in_time_and_memory(outcomes, case):
    outcome, seconds, megabytes = outcomes[case]
    expected = CORPUS[case][2]
    if expected is None:
        assert outcome[0] == "RGB"
    elif expected == REFUSED:
        assert isinstance(outcome, str)
        assert outcome.startswith("image-")
    else:
        assert outcome == expected
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


def test_the_worst_of_them(outcomes, measured):
    slow, large = (max(outcomes, key=lambda case: outcomes[case][i]) for i in (1, 2))
    measured(f"{len(outcomes)} hostile pictures: at most {outcomes[slow][1]:.2f} s ({slow}), "
             f"{outcomes[large][2]:.0f} MB ({large})")


def test_turned_pictures_stand_upright():
    upright = np.asarray(read(CORPUS["turned 1"][1]), int)
    for value, back in ((3, lambda a: a[::-1, ::-1]), (2, lambda a: a[:, ::-1]), (4, lambda a: a[::-1])):
        assert np.abs(back(np.asarray(read(CORPUS[f"turned {value}"][1]), int)) - upright).mean() < 3
    for value in (5, 6, 7, 8):
        assert read(CORPUS[f"turned {value}"][1]).size == (48, 64)
    for value in (99, 65_535):
        assert np.array_equal(np.asarray(read(CORPUS[f"turned {value}"][1])), upright)


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65_535, 64 * 48, dtype=np.uint16).reshape(48, 64)
    grey = np.asarray(read(encode(Image.fromarray(ramp), "PNG")))[..., 0].astype(int)
    assert np.abs(grey - (ramp >> 8)).max() <= 1
    assert len(np.unique(grey)) > 200
    clear = np.asarray(read(encode(Image.fromarray(ramp), "PNG", transparency=int(ramp[3, 3]))))[..., 0].astype(int)
    assert clear[3, 3] == 255
    assert (np.delete(clear, 3 * 64 + 3) == np.delete(grey, 3 * 64 + 3)).all()


def test_a_transparent_picture_lies_over_white():
    assert np.asarray(read(CORPUS["fully transparent"][1])).min() == 255


def test_of_many_frames_the_first():
    assert np.asarray(read(frames(300))).max() == 0


def test_nothing_of_the_file_is_kept_but_its_pixels():
    for case in ("gif that is javascript", "jpeg that is a zip", "text of many kinds"):
        image = read(CORPUS[case][1])
        assert image.info == {}
        again = encode(image, "PNG")
        assert b"alert" not in again
        assert b"PK\x03\x04" not in again
        assert b"script" not in again


def test_many_threads_read_at_once_and_leave_warnings_alone():
    some = [name for name in CORPUS if CORPUS[name][2] != "image-too-large"]
    before = list(warnings.filters)

    def outcome(name):
        try:
            return np.asarray(read(CORPUS[name][1])).tobytes()
        except InputError as error:
            return error.code

    alone = {name: outcome(name) for name in some}
    with ThreadPoolExecutor(8) as pool:
        for name, found in zip(some * 4, pool.map(outcome, some * 4), strict=True):
            assert found == alone[name], name
    assert list(warnings.filters) == before


SEEDS = [CORPUS[name][1] for name in ("1 x 1", "png called jpg", "jpeg called png", "palette and alpha", "webp", "bmp",
                                      "animated gif", "corrupt exif", "turned 6", "16 bit")]


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutated_files_are_read_or_refused(data):
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(seed) - 1))
        kind = data.draw(st.integers(0, 3))
        if kind == 0:
            seed[at] = data.draw(st.integers(0, 255))
        elif kind == 1:
            del seed[at : at + data.draw(st.integers(1, 40))]
        elif kind == 2:
            seed[at:at] = data.draw(st.binary(max_size=20))
        else:
            seed[at : at + 4] = data.draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]))
        if not seed:
            break
    try:
        image = read(bytes(seed))
    except InputError:
        return
    assert image.mode == "RGB"
    assert image.width * image.height <= MAX_PIXELS


def test_the_corpus_is_what_it_says():
    assert len(CORPUS) > 100
    assert Image.open(io.BytesIO(CORPUS["3,000 frames"][1])).n_frames == 3_000
    assert len(CORPUS["144 megapixels of nothing"][1]) < 430_000
    assert picture(4, 4).size == (4, 4)
