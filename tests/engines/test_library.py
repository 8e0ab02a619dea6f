import shutil
from pathlib import Path

import pytest

from hearthside import builtin
from hearthside.engines.library import LocalLibrary
from hearthside.kit.errors import Invalid
from tests.engines import tiny_gguf


def test_lists_the_built_in_model_and_the_folder_below(models_folder: Path) -> None:
    (models_folder / "team").mkdir()
    tiny_gguf.write(models_folder / "team" / "helper.gguf")
    ember, helper, tiny = LocalLibrary(models_folder, builtin.ember()).models()
    assert (ember.id, ember.label, ember.built_in) == ("ember", "Ember (built-in, small, offline; preview)", True)
    assert (helper.id, tiny.id) == ("team/helper", "tiny")
    assert (tiny.label, tiny.context_tokens, tiny.problem) == ("Tiny test model", 2048, None)


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert LocalLibrary(tmp_path / "absent", built_in=None).models() == []


def test_follows_what_happens_in_the_folder(models_folder: Path) -> None:
    library = LocalLibrary(models_folder, built_in=None)
    assert library.find("tiny").context_tokens == 2048
    tiny_gguf.write(models_folder / "tiny.gguf", context_tokens=512, reply="Another one.")
    assert library.find("tiny").context_tokens == 512
    (models_folder / "tiny.gguf").unlink()
    with pytest.raises(Invalid) as caught:
        library.find("tiny")
    assert caught.value.code == "model_not_found"


def test_a_broken_file_is_listed_with_its_problem_and_refused(models_folder: Path) -> None:
    (models_folder / "cut.gguf").write_bytes((models_folder / "tiny.gguf").read_bytes()[:-64])
    library = LocalLibrary(models_folder, built_in=None)
    cut = library.find("cut")
    assert cut.problem is not None
    assert "cut short" in cut.problem
    with pytest.raises(Invalid, match="cut short") as caught:
        library.examine(cut)
    assert caught.value.code == "model_broken"


def test_a_split_model_is_one_model_and_needs_all_its_parts(models_folder: Path) -> None:
    tiny = models_folder / "tiny.gguf"
    for number in (1, 2):
        shutil.copy(tiny, models_folder / f"big-0000{number}-of-00002.gguf")
    library = LocalLibrary(models_folder, built_in=None)
    big = library.find("big-00001-of-00002")
    assert [model.id for model in library.models()] == ["big-00001-of-00002", "tiny"]
    assert big.size_bytes == 2 * tiny.stat().st_size
    assert big.problem is None
    (models_folder / "big-00002-of-00002.gguf").unlink()
    assert library.find("big-00001-of-00002").problem == "the file, or a part of it, cannot be read"


def test_a_replaced_file_has_another_fingerprint(models_folder: Path) -> None:
    library = LocalLibrary(models_folder, built_in=None)
    before = library.examine(library.find("tiny"))
    assert library.examine(library.find("tiny")) == before
    tiny_gguf.write(models_folder / "tiny.gguf", reply="Another one.")
    assert library.examine(library.find("tiny")) != before
