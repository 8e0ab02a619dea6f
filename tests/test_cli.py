"""The command line as people use it: one process a command, over one data folder."""

import os
import subprocess
import sys
from pathlib import Path


def hearthside(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HEARTHSIDE_DATA_DIR": str(folder), "COLUMNS": "200"}
    command = [sys.executable, "-m", "hearthside", *arguments]
    return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, cwd=folder, timeout=60)


def test_an_account_goes_into_a_file_and_out_of_it(tmp_path: Path) -> None:
    for name in ("ann", "bea"):
        made = hearthside(tmp_path, "admin", "create-user", name, "--password-stdin", given="correct horse battery\n")
        assert made.returncode == 0, made.stderr
    archive = tmp_path / "ann.zip"
    written = hearthside(tmp_path, "account", "export", "ann", str(archive))
    assert written.returncode == 0, written.stderr
    assert archive.read_bytes().startswith(b"PK")
    read = hearthside(tmp_path, "account", "import", "bea", str(archive))
    assert read.returncode == 0, read.stderr


def test_an_unknown_user_is_said_to_be_one(tmp_path: Path) -> None:
    refused = hearthside(tmp_path, "account", "export", "nobody", str(tmp_path / "x.zip"))
    assert refused.returncode == 1
    assert "There is no user 'nobody'" in refused.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HEARTHSIDE_PORT": "seventy"}
    command = [sys.executable, "-m", "hearthside", "serve"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert refused.returncode == 1
    assert "HEARTHSIDE_PORT" in refused.stderr or "port" in refused.stderr
    assert "Traceback" not in refused.stderr
