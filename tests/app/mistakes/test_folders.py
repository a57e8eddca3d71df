"""Choosing a folder of the server: what is listed, what is not, and what may be opened at all."""

import os

import pytest

from app.mistakes.sources import folders, picker
from app.mistakes.sources.folders import ARCHIVES, TABLES, Entry, FolderError, list_entries
from app.text import Text
from tests.app.mistakes.test_find import home, page, words  # noqa: F401

ENDINGS = (*TABLES, *ARCHIVES)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An allowed folder with class folders, beside a folder that is not allowed."""
    top = tmp_path / "allowed"
    for name, count in (("cat", 3), ("Dog", 1), ("empty", 0), (".hidden", 2)):
        (top / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            (top / "pictures" / name / f"{number}.JPG").touch()
    for name in ("labels.csv", "all.tar.gz", "notes.md", "loose.png"):
        (top / name).touch()
    (tmp_path / "secret" / "inner").mkdir(parents=True)
    (tmp_path / "secret" / "labels.csv").touch()
    monkeypatch.setenv("VITRINE_FOLDERS", str(top))
    return top


def roots() -> list[str]:
    return folders.allowed_roots(public=True)


def test_a_folder_lists_folders_with_their_numbers_and_the_files_that_fit(root):
    found = list_entries(str(root), roots(), ENDINGS)
    assert found.folders == (Entry("pictures", 0, 3),)
    assert found.files == ("all.tar.gz", "labels.csv")
    assert found.here == Entry("allowed", 1, 1)
    assert list_entries(str(root), roots(), TABLES).files == ("labels.csv",)
    below = list_entries(str(root / "pictures"), roots(), ENDINGS)
    assert below.folders == (Entry("cat", 3, 0), Entry("Dog", 1, 0), Entry("empty", 0, 0))
    assert below.up == str(root)


@pytest.mark.parametrize("path", ["..", "../secret", "pictures/../../secret", "/", "/etc", "", "~", "a\0b", "x" * 5000])
def test_nothing_outside_the_roots_is_listed(root, path):
    asked = os.path.join(root, path) if path not in ("", "~") else path
    with pytest.raises(FolderError) as error:
        list_entries(asked, roots(), ENDINGS)
    assert error.value.why == ("unreadable" if path == "x" * 5000 else "not_allowed")


def test_a_root_is_not_left_upwards_and_a_name_that_begins_alike_is_no_root(root):
    assert list_entries(str(root), roots(), ENDINGS).up is None
    beside = root.with_name("allowed-too")
    beside.mkdir()
    with pytest.raises(FolderError):
        list_entries(str(beside), roots(), ENDINGS)


def test_links_are_followed_inside_the_root_alone(root):
    os.symlink(root.parent / "secret", root / "out")
    os.symlink(root.parent / "secret" / "labels.csv", root / "out.csv")
    os.symlink(root / "pictures", root / "in")
    os.symlink(root, root / "pictures" / "loop")
    os.symlink(root / "gone", root / "broken")
    found = list_entries(str(root), roots(), ENDINGS)
    assert [one.name for one in found.folders] == ["in", "pictures"]
    assert found.files == ("all.tar.gz", "labels.csv")
    assert list_entries(str(root / "in"), roots(), ENDINGS).path == str(root / "pictures")
    assert list_entries(str(root / "pictures" / "loop"), roots(), ENDINGS).path == str(root)
    for name in ("out", "out/inner", "in/../../secret"):
        with pytest.raises(FolderError):
            list_entries(str(root / name), roots(), ENDINGS)


def test_a_huge_folder_is_cut_and_says_so(root, monkeypatch):
    monkeypatch.setattr(folders, "MAX_ENTRIES", 20)
    monkeypatch.setattr(folders, "MAX_SHOWN", 7)
    monkeypatch.setattr(folders, "MAX_COUNTED", 2)
    monkeypatch.setattr(folders, "MAX_COUNTED_TOGETHER", 3)
    for number in range(10):
        (root / "many" / f"{number}").mkdir(parents=True)
        for picture in range(3):
            (root / "many" / f"{number}" / f"{picture}.png").touch()
    found = list_entries(str(root / "many"), roots(), ENDINGS)
    assert [one.name for one in found.folders] == list("0123456")
    assert found.left_out == 3
    assert not found.here.more
    assert found.folders[0] == Entry("0", 2, 0, more=True)
    assert [one.pictures for one in found.folders] == [2, 2, *[None] * 5]  # those beyond the budget are not counted
    for number in range(30):
        (root / "many" / f"{number}.txt").touch()
    found = list_entries(str(root / "many"), roots(), ENDINGS)
    assert found.here.more
    assert len(found.folders) <= 7


def test_a_name_that_is_no_text_is_left_out(root):
    os.mkdir(os.fsencode(root) + b"/\xff\xfe")
    assert [one.name for one in list_entries(str(root), roots(), ENDINGS).folders] == ["pictures"]


def test_without_named_folders_only_people_at_this_computer_browse(monkeypatch, tmp_path):
    monkeypatch.delenv("VITRINE_FOLDERS", raising=False)
    assert folders.allowed_roots(public=True) == []
    here = folders.allowed_roots(public=False)
    assert list_entries(str(tmp_path), here, ENDINGS).path == str(tmp_path.resolve())
    assert all(folders.root_of(place, here) for place in folders.places(here))
    folders.check_allowed("/anywhere")


def test_the_picker_begins_at_the_field(root):
    begin = folders.nearest_folder
    assert begin(str(root / "pictures"), roots()) == str(root / "pictures")
    assert begin(str(root / "labels.csv"), roots()) == str(root)
    for elsewhere in ("", str(root.parent / "secret"), "/missing", "bundled:photos"):
        assert begin(elsewhere, roots()) == str(root)


def opened(own: str = "path"):
    app = page()
    app.session_state["own"] = own
    return app.run()


def test_a_folder_is_chosen_and_its_path_stands_in_the_field(root):
    app, t = opened(), Text("en")
    app.button(key="browse_source").click().run()
    assert not app.exception
    assert str(root)[-40:] in words(app).replace("\\", "")
    app.session_state["browsed"] = str(root / "pictures" / "empty")
    app.run()
    assert app.button(key="browse_choose").disabled
    app.session_state["browsed"] = str(root / "pictures")
    app.run()
    choose = app.button(key="browse_choose")
    assert choose.label == t("mistakes.browse.choose", what=t("mistakes.browse.folders", count="3"))
    choose.click().run()
    assert app.text_input(key="new_source").value == str(root / "pictures")
    assert "browse_choose" not in {one.key for one in app.button}
    app.button(key="browse_table").click().run()
    assert "browse_choose" not in {one.key for one in app.button}  # a table is a file
    assert "browse_up" in {one.key for one in app.button}


def test_the_picker_begins_at_what_was_typed_at_the_same_moment(root):
    app = opened()
    app.text_input(key="new_source").set_value(str(root / "pictures" / "empty"))
    app.button(key="browse_source").click().run()
    assert not app.exception
    assert app.session_state["browsed"] == str(root / "pictures" / "empty")


def test_a_folder_in_the_session_that_is_not_allowed_is_refused(root):
    app = opened()
    app.button(key="browse_source").click().run()
    app.session_state["browsed"] = str(root.parent / "secret")
    app.run()
    assert not app.exception
    assert len(app.error) == 1
    assert "browse_choose" not in {one.key for one in app.button}


def test_a_typed_path_outside_the_named_folders_is_refused(root, monkeypatch):
    monkeypatch.setattr("app.mistakes.sources.check.preview", lambda request: pytest.fail("it was opened"))
    app = opened()
    app.text_input(key="new_source").set_value(str(root.parent / "secret")).run()
    app.button(key="new_check").click().run()
    assert not app.exception
    assert len(app.error) == 1


def test_on_a_public_server_nothing_is_browsed_unless_its_owner_named_folders(monkeypatch):
    monkeypatch.delenv("VITRINE_FOLDERS", raising=False)
    monkeypatch.setattr(picker, "is_public", lambda: True)
    assert not [one.key for one in opened().button if (one.key or "").startswith("browse")]
