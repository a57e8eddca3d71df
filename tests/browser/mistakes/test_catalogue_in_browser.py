"""A data set of the catalogue in the browser: downloaded with progress, cancelled, continued, checked, evaluated."""

import io
import tarfile

import pytest
from playwright.sync_api import expect

from app import text
from tests.browser.conftest import as_shown, idle, opening, serving
from tests.http_files import serving_files
from vit_core.data import open_dataset
from vit_core.data.named import CATALOGUE
from vit_core.downloads import incomplete_path

LONG = 600_000  # ms, for an evaluation on a busy machine
NAME = "imagenette2-160"


def archive() -> bytes:
    """Two classes of Imagenette with two pictures each, and some bytes more, so that half of it is a picture or two."""
    source, file = open_dataset("bundled:fashion"), io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=0) as made:
        for number, synset in enumerate(("n01440764", "n03445777")):
            for i in range(2):
                data = source.data(2 * number + i)
                info = tarfile.TarInfo(f"{NAME}/val/{synset}/{i}.png")
                info.size = len(data)
                made.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo(f"{NAME}/notes.txt")
        info.size = 300_000
        made.addfile(info, io.BytesIO(bytes(300_000)))
    return file.getvalue()


@pytest.fixture(scope="module")
def files():
    with serving_files() as started:
        started.files["/a.tgz"] = started.files["/copy.tgz"] = archive()
        yield started


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def show(chromium, files, data_folder, tmp_path, monkeypatch):
    for name, value in {
        "VITRINE_TEST_URL": files.url,
        "VITRINE_DATA": data_folder,
        "VITRINE_RUNS": tmp_path / "runs",
        "HF_HUB_OFFLINE": 0,
    }.items():
        monkeypatch.setenv(name, str(value))
    command = ("-m", "tests.browser.mistakes.catalogue_app")
    with serving(tmp_path, command=command) as started, opening(chromium, started) as open_page:
        yield open_page


def test_a_set_is_downloaded_cancelled_continued_and_evaluated(show, files, data_folder, shoot):
    t = text.Text("en")
    page = show("mistakes?lang=en&model=embedded:fashion")
    page.locator(".gallery button").first.wait_for()
    page.get_by_role("button", name=t("mistakes.new")).click()
    page.get_by_role("radio", name=t("mistakes.new.way.catalogue"), exact=True).click()
    box = page.locator(f".st-key-set_{NAME}")
    expect(box).to_contain_text("knows 0 of these 10 classes", timeout=LONG)
    idle(page)
    shoot(page, "mistakes_catalogue")
    assert files.sent("/a.tgz") == []
    files.hold = 100_000
    box.get_by_role("button").first.click()
    cancel = box.get_by_role("button", name=t("download.cancel"))
    cancel.wait_for()
    box.locator(".stProgress").wait_for()
    part = incomplete_path(data_folder / f"{NAME}.tgz")
    page.wait_for_function("() => document.querySelector('.st-key-set_imagenette2-160').innerText.includes(' of ')")
    shoot(page, "mistakes_catalogue_running")
    cancel.click()
    again = box.get_by_role("button", name=t("download.resume"))
    again.wait_for()
    files.released.set()
    files.hold = None
    again.click()
    box.locator(f".st-key-check_{NAME} button").first.click()
    expect(box).to_contain_text("4 pictures in 2 classes", timeout=LONG)
    shoot(page, "mistakes_catalogue_there")
    assert not part.exists()
    assert (data_folder / f"{NAME}.tgz").read_bytes() == files.files["/a.tgz"]
    assert box.get_by_text("tench", exact=False).count()  # a name, not n01440764
    box.locator(".st-key-new_without button").click()
    expect(page.locator(".st-key-top_bar").first).to_contain_text(as_shown(CATALOGUE[NAME].title), timeout=LONG)
    page.get_by_text(t("mistakes.list.all"), exact=True).click(timeout=LONG)
    page.locator(".gallery button.unknown .label", has_text="golf ball").first.wait_for(timeout=LONG)
    expect(page.locator(".st-key-top_bar")).to_have_count(1)
