"""run.py without a network: pip gets an empty requirements file, or one that it cannot install."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load():
    """run.py as a module; it is in no package."""
    spec = importlib.util.spec_from_file_location("vitrine_run", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run = load()


def launch(root, *arguments, **env):
    """Run `python run.py ...` in `root`; return the finished process with its output."""
    command = [sys.executable, root / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=root.parent, env=os.environ | env)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A tiny project in a folder with a space and Korean in its name, run once."""
    root = tmp_path_factory.mktemp("a space") / "유리 진열장"
    (root / "app").mkdir(parents=True)
    (root / "tests").mkdir()
    shutil.copy(ROOT / "run.py", root)
    (root / "requirements.txt").write_text("# nothing\n")
    (root / "app/__init__.py").touch()
    (root / "app/__main__.py").write_text(
        "import sys; print('app', sys.argv[1:], sys.prefix); sys.exit(len(sys.argv) + 40)\n"
    )
    first = launch(root)
    assert "Installing" in first.stdout
    assert first.returncode == 41, first.stderr
    return root


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help(word):
    done = launch(ROOT, word)
    assert done.returncode == 0
    assert "run.py test" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("version", [(3, 10, 14), (2, 7, 18), (3, 9)])
def test_an_old_python_is_refused(version, monkeypatch, capsys):
    with pytest.raises(run.Stop, match=rf"3\.11 or newer; this is {version[0]}\.{version[1]} "):
        run.check_python(version)
    check = run.check_python
    monkeypatch.setattr(run, "check_python", lambda: check(version))
    assert run.main([]) == 2
    assert "3.11 or newer" in capsys.readouterr().err


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0)])
def test_a_new_python_is_accepted(version):
    run.check_python(version)


def test_second_start_installs_nothing_and_passes_arguments_and_exit_code(home):
    again = launch(home, "--server.port", "8600")
    assert "Installing" not in again.stdout
    assert again.returncode == 43
    assert again.stdout.startswith("app ['--server.port', '8600']")
    assert str(home / ".venv") in again.stdout


def test_changed_requirements_are_installed(home):
    (home / "requirements.txt").write_text("# nothing, said otherwise\n")
    assert "Installing" in launch(home).stdout
    assert "Installing" not in launch(home).stdout


def test_the_tests_requirements_are_installed_as_well(home):
    tests = home / "tests/requirements.txt"
    tests.write_text("# no tests\n")
    files = [home / "requirements.txt", tests]
    run.prepare(home / ".venv", files)
    stamp = home / ".venv/vitrine.stamp"
    before = stamp.stat().st_mtime_ns
    run.prepare(home / ".venv", files[:1])
    run.prepare(home / ".venv", files)
    assert stamp.stat().st_mtime_ns == before, "the app needs nothing that the tests' environment lacks"


def test_a_failed_install_is_reported_and_tried_again(home):
    good = (home / "requirements.txt").read_text()
    (home / "requirements.txt").write_text("./no-such-folder\n")
    failed = launch(home, PIP_NO_INDEX="1")
    assert failed.returncode == 2
    assert "pip could not install" in failed.stderr
    assert "Traceback" not in failed.stderr
    (home / "requirements.txt").write_text(good)
    mended = launch(home)
    assert "Installing" in mended.stdout
    assert mended.returncode == 41


def break_python(venv):
    run.python_in(venv).unlink()


def break_pip(venv):
    shutil.rmtree(next(venv.glob("lib*/**/site-packages/pip")))


def break_all(venv):
    shutil.rmtree(venv)
    venv.mkdir()


@pytest.mark.parametrize("damage", [break_python, break_pip, break_all])
def test_an_incomplete_environment_is_repaired(home, damage):
    damage(home / ".venv")
    mended = launch(home)
    assert mended.returncode == 41, mended.stderr
    assert "Installing" in mended.stdout
    assert "Installing" not in launch(home).stdout


def test_a_half_installed_package_is_installed_again(home):
    half = run.python_in(home / ".venv").parent.parent / "lib/python{}.{}/site-packages/half-1.0.dist-info".format(
        *sys.version_info
    )
    half.mkdir()
    (half / "METADATA").write_text("Metadata-Version: 2.1\nName: half\nVersion: 1.0\n")
    (home / ".venv/vitrine.stamp").unlink()  # pip was interrupted
    assert launch(home).returncode == 41
    assert not half.exists()


def test_two_started_at_once_install_only_once(home):
    shutil.rmtree(home / ".venv")
    command = [sys.executable, home / "run.py"]
    with run.locked(home):  # both must find the lock taken
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        assert all(process.stdout.readline().startswith("Another") for process in both)
    said, faults = zip(*(process.communicate(timeout=120) for process in both), strict=True)
    assert [process.returncode for process in both] == [41, 41], faults
    assert sum("Installing" in text for text in said) == 1


@pytest.mark.parametrize("system", ["Windows", "no locks"])
def test_run_works_where_locks_are_not_supported(tmp_path, monkeypatch, system):
    if system == "Windows":
        monkeypatch.setitem(sys.modules, "fcntl", None)
        here = load()
        assert here.fcntl is None
    else:
        here = run

        def refuse(*_):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(here.fcntl, "flock", refuse)
    with here.locked(tmp_path):
        pass


def test_an_error_inside_the_lock_propagates_and_frees_the_folder(tmp_path):
    with pytest.raises(PermissionError), run.locked(tmp_path):
        raise PermissionError
    door = os.open(tmp_path, os.O_RDONLY)
    run.fcntl.flock(door, run.fcntl.LOCK_EX | run.fcntl.LOCK_NB)
    os.close(door)


def test_a_missing_venv_module_is_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "apt", lambda *packages: False)
    monkeypatch.setattr(run.sys, "executable", shutil.which("false"))
    with pytest.raises(run.Stop, match="apt-get install python3-venv"):
        run.make_venv(tmp_path / "venv")


def test_a_missing_browser_is_installed_or_explained(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(run, "apt", lambda *packages: asked.append(packages))
    monkeypatch.setattr(run.shutil, "which", lambda name: None)
    monkeypatch.setattr(run.sys, "platform", "linux")
    run.browser_and_font()
    assert asked == [("chromium-headless-shell",), ("chromium", "fonts-noto-cjk", "fontconfig")]
    assert "sudo apt-get install chromium fonts-noto-cjk fontconfig" in capsys.readouterr().err


def test_without_root_and_password_nothing_is_installed(monkeypatch):
    monkeypatch.setattr(run.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(run.shutil, "which", lambda name: None if name == "sudo" else f"/usr/bin/{name}")
    monkeypatch.setattr(run.subprocess, "run", lambda *a, **k: pytest.fail("started something"))
    assert not run.apt("chromium")


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The commands that run.py starts, by name; none really runs. `started.fails` names those that fail."""

    class Started(list):
        fails: tuple = ()

    commands = Started()

    def start(command, **_):
        name = Path(command[0]).name
        commands.append([name, *map(str, command[1:])])
        return subprocess.CompletedProcess(command, int(name in commands.fails))

    monkeypatch.setattr(run.subprocess, "run", start)
    return commands


PINS = "torch==1.2.3  # a pair\ntorchvision==4.5.6\nnumpy==7.8.9\n"


def requirements(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text(PINS)
    return [file]


def test_uv_installs_where_there_is_one_and_picks_the_pytorch_build(tmp_path, started, monkeypatch):
    monkeypatch.setattr(run.shutil, "which", lambda name: "/bin/uv" if name == "uv" else None)
    assert run.install(tmp_path, requirements(tmp_path))
    assert [name for name, *_ in started] == ["uv"]
    assert "--torch-backend=auto" in started[0]
    assert str(run.python_in(tmp_path)) in started[0]


def test_pip_installs_where_uv_fails(tmp_path, started, monkeypatch, capsys):
    monkeypatch.setattr(run.shutil, "which", lambda name: "/bin/uv" if name == "uv" else None)
    started.fails = ("uv",)
    assert run.install(tmp_path, requirements(tmp_path))
    assert [name for name, *_ in started] == ["uv", "python"]
    assert "trying pip" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("system", "driver", "torch", "announced"),
    [
        ("linux", False, False, True),
        ("linux", True, False, False),
        ("linux", False, True, False),
        ("darwin", False, False, False),
    ],
)
def test_the_cuda_download_is_announced(tmp_path, started, monkeypatch, capsys, system, driver, torch, announced):
    monkeypatch.setattr(run.sys, "platform", system)
    monkeypatch.setattr(run.shutil, "which", lambda name: "/bin/nvidia-smi" if driver and name != "uv" else None)
    monkeypatch.setattr(run.glob, "glob", lambda pattern: [])
    if torch:
        installed = tmp_path / "lib/python3/site-packages/torch/version.py"
        installed.parent.mkdir(parents=True)
        installed.touch()
    assert run.install(tmp_path, requirements(tmp_path))
    said = capsys.readouterr().out
    assert ("2.5 GB" in said) == announced
    assert ("torch==1.2.3 torchvision==4.5.6" in said) == announced


def test_checks_all_run_and_one_failure_is_named(tmp_path, started, capsys):
    started.fails = ("lint-imports",)
    assert run.check(tmp_path / "python") == 1
    assert [name for name, *_ in started] == [name for name, *_ in run.CHECKS]
    assert "Failed: lint-imports" in capsys.readouterr().err
    started.fails = ()
    assert run.check(tmp_path / "python") == 0


def test_some_tests_run_without_the_checks_and_all_tests_with_them(tmp_path, started, monkeypatch):
    monkeypatch.setattr(run, "browser_and_font", lambda: None)
    assert run.test(tmp_path / "python", ["-m", "unit"]) == 0
    assert [name for name, *_ in started] == ["python"]
    assert started[0][-2:] == ["-m", "unit"]
    started.clear()
    started.fails = ("ruff",)
    assert run.test(tmp_path / "python", []) == 1, "the tests pass and the style does not"
    assert [name for name, *_ in started] == [*(name for name, *_ in run.CHECKS), "python"]
