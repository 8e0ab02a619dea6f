"""`hearthside models`: in a process of its own where the hub is asked, whose client reads HF_ENDPOINT at its import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hearthside.engines.commands import make_commands
from hearthside.settings import Settings
from tests.engines import tiny_gguf
from tests.engines.hub_server import REPOSITORY, running_hub

MIB = 2**20

PROGRAM = """
import sys
from hearthside.engines.commands import make_commands
from hearthside.settings import Settings

if sys.argv[1] == "--no-client":
    del sys.argv[1]
    sys.modules["huggingface_hub"] = None
make_commands(Settings)()
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    tiny_gguf.write(folder / "tiny.gguf")
    (folder / "README.md").write_text("A tiny model.")
    return folder


def models(tmp_path: Path, *arguments: str, hub: str = "http://127.0.0.1:1") -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "hub-cache"),
        "HF_ENDPOINT": hub,
        "HEARTHSIDE_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)


def local(tmp_path: Path, *arguments: str) -> Result:
    settings = Settings(data_dir=tmp_path / "data")
    return CliRunner().invoke(make_commands(lambda: settings), arguments, env={"COLUMNS": "200"})


def test_list_shows_the_folder_and_what_is_wrong_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    tiny_gguf.write(folder / "tiny.gguf")
    (folder / "cut.gguf").write_bytes(b"GGUF")
    listed = local(tmp_path, "list").stdout
    assert "Ember (built-in, small, offline; preview)" in listed
    assert "Tiny test model" in listed
    assert "was cut short" in listed


def test_pull_fetches_the_only_file_and_a_second_time_nothing(tmp_path: Path, repository: Path) -> None:
    with running_hub(repository) as hub:
        first = models(tmp_path, "pull", REPOSITORY, hub=hub.url)
        assert first.stdout == "tiny is ready to use: llama, 0.3 million parameters, 2,048 tokens of context.\n"
        assert models(tmp_path, "pull", REPOSITORY, "tiny.gguf", hub=hub.url).returncode == 0
        assert hub.ranges == [None]
    fetched = tmp_path / "data" / "models" / "tiny.gguf"
    assert fetched.read_bytes() == (repository / "tiny.gguf").read_bytes()


def test_a_pull_that_breaks_goes_on_where_it_was(tmp_path: Path, repository: Path) -> None:
    with (repository / "tiny.gguf").open("ab") as file:
        file.write(bytes(24 * MIB))
    with running_hub(repository, cut_first=True) as hub:
        assert models(tmp_path, "pull", REPOSITORY, hub=hub.url).returncode == 0
        assert hub.ranges == [None, f"bytes={10 * MIB}-"]  # the client keeps what it has in pieces of 10 MiB
    fetched = tmp_path / "data" / "models" / "tiny.gguf"
    assert fetched.read_bytes() == (repository / "tiny.gguf").read_bytes()


def test_a_split_model_is_fetched_whole(tmp_path: Path, repository: Path) -> None:
    for number in (1, 2):
        shutil.copy(repository / "tiny.gguf", repository / f"big-0000{number}-of-00002.gguf")
    with running_hub(repository) as hub:
        pulled = models(tmp_path, "pull", REPOSITORY, "big-00001-of-00002.gguf", hub=hub.url)
    assert pulled.stdout.startswith("big-00001-of-00002 is ready to use")
    assert (tmp_path / "data" / "models" / "big-00002-of-00002.gguf").exists()


def test_several_files_are_named_so_that_one_can_be_chosen(tmp_path: Path, repository: Path) -> None:
    shutil.copy(repository / "tiny.gguf", repository / "other.gguf")
    with running_hub(repository) as hub:
        pulled = models(tmp_path, "pull", REPOSITORY, hub=hub.url)
    assert pulled.returncode == 1
    assert (
        pulled.stderr
        == f"{REPOSITORY} holds several models. Name one of them:\n  other.gguf  1 MiB\n  tiny.gguf  1 MiB\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("anna/absent",), "There is no model repository 'anna/absent'."),
        ((REPOSITORY, "absent.gguf"), f"{REPOSITORY} has no such file."),
        (("a b c",), "There is no model repository 'a b c'."),
    ],
)
def test_what_cannot_be_pulled_is_said_in_a_line(
    tmp_path: Path, repository: Path, arguments: tuple[str, ...], message: str
) -> None:
    with running_hub(repository) as hub:
        pulled = models(tmp_path, "pull", *arguments, hub=hub.url)
    assert (pulled.returncode, pulled.stdout, pulled.stderr) == (1, "", f"{message}\n")


@pytest.mark.parametrize("file", ["README.md", "../tiny.gguf", "/tmp/tiny.gguf"])
def test_only_model_files_are_fetched(tmp_path: Path, file: str) -> None:
    pulled = local(tmp_path, "pull", REPOSITORY, file)
    assert (pulled.exit_code, pulled.stderr) == (1, "The file must be a .gguf file of the repository.\n")


def test_a_hub_that_cannot_be_reached_is_said_in_a_line(tmp_path: Path) -> None:
    pulled = models(tmp_path, "pull", REPOSITORY)
    assert pulled.returncode == 1
    assert pulled.stderr.endswith("The model hub cannot be reached. Check the network, or HF_ENDPOINT.\n")
    assert "Traceback" not in pulled.stderr


def test_without_the_client_pull_says_how_to_get_it(tmp_path: Path) -> None:
    pulled = models(tmp_path, "--no-client", "pull", REPOSITORY)
    assert pulled.returncode == 1
    assert "pip install 'hearthside[hub]'" in pulled.stderr


def test_check_tells_a_sound_file_from_a_broken_one(tmp_path: Path) -> None:
    sound = tiny_gguf.write(tmp_path / "sound.gguf")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(sound.read_bytes()[:-64])
    assert local(tmp_path, "check", str(sound)).stdout.startswith("sound.gguf is sound: llama")
    checked = local(tmp_path, "check", str(broken))
    assert checked.exit_code == 1
    assert checked.stderr.startswith("broken.gguf cannot be used: the tensor 'output.weight' reaches past the end")


def test_check_with_load_finds_what_no_header_shows(tmp_path: Path) -> None:
    sound = tiny_gguf.write(tmp_path / "sound.gguf")
    damaged = tmp_path / "damaged.gguf"
    content = sound.read_bytes()
    damaged.write_bytes(content[:-300_000] + b"\x00\x00\xc0\x7f" * 75_000)
    assert local(tmp_path, "check", str(damaged)).exit_code == 0
    checked = local(tmp_path, "check", str(damaged), "--load")
    assert checked.stderr == (
        "damaged.gguf cannot be loaded: its weights are damaged: the first token that it made has no probability.\n"
    )
    assert local(tmp_path, "check", str(sound), "--load").exit_code == 0
