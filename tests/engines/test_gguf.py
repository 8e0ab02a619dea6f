from pathlib import Path

import gguf
import pytest

from hearthside import builtin
from hearthside.engines import gguf as header
from hearthside.engines.gguf import BrokenFile, read_header
from tests.engines import tiny_gguf
from tests.engines.bad_gguf import broken_models

# What llama.cpp itself refuses well, or what only a token shows: the header check lets them pass.
SOUND_HEADERS = {
    "embedding_0", "embedding_2_30", "heads_0", "heads_7", "kv_heads_3", "layers_1000", "nan_weights", "rope_13",
    "template_broken", "type_999",
}  # fmt: skip


def test_reads_what_the_engine_needs(tmp_path: Path) -> None:
    found = read_header(tiny_gguf.write(tmp_path / "tiny.gguf"))
    assert (found.architecture, found.name, found.context_tokens) == ("llama", "Tiny test model", 2048)
    assert (found.layers, found.vocabulary, found.shards) == (1, 320, 1)
    assert found.parameters == 320 * 320 * 2 + 320 * 32 * 7 + 320 * 3
    assert found.key_value_bytes == (32 + 32) * 2
    assert found.has_chat_template
    assert not found.takes_tools
    assert not found.makes_embeddings


def test_reads_the_built_in_model() -> None:
    found = read_header(builtin.ember().path)
    assert found.context_tokens == 1024
    assert "preview" in found.description


def test_a_model_without_a_template_is_fine(tmp_path: Path) -> None:
    assert not read_header(tiny_gguf.write(tmp_path / "tiny.gguf", template=None)).has_chat_template


def test_refuses_every_file_that_contradicts_itself(tmp_path: Path) -> None:
    good = tiny_gguf.write(tmp_path / "good.gguf").read_bytes()
    refused: dict[str, str] = {}
    passed: set[str] = set()
    for name, content in broken_models(good):
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(content)
        try:
            read_header(path)
        except BrokenFile as error:
            refused[name] = str(error)
        else:
            passed.add(name)
    assert {name for name in passed if not name.startswith("fuzz")} == SOUND_HEADERS
    assert refused["cut_at_the_end"].startswith("the tensor 'output.weight' reaches past the end of the file")
    assert refused["context_0"] == "its header gives 0 as its context length"
    assert refused["architecture"] == "its header gives no number of layers for its architecture, 'lxxxx'"
    assert not any(str(tmp_path) in reason for reason in refused.values())


def test_a_file_that_is_cut_anywhere_is_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    good = tiny_gguf.write(tmp_path / "good.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(0, 12_000, 97):
        cut.write_bytes(good[:length])
        with pytest.raises(BrokenFile):
            read_header(cut)


def test_the_sizes_of_tensor_types_are_ggml_s() -> None:
    known = {kind.value: sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: known[kind] for kind in header._BLOCKS} == header._BLOCKS
