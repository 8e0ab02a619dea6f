import pytest

from hearthside.engines.reasons import blames_file, crash_reason, load_reason

TENSOR = """\
0.00.004.622 E llama_model_load: error loading model: check_tensor_dims: tensor 'a' has wrong shape
0.00.004.623 E llama_model_load_from_file_impl: failed to load model
0.00.004.700 E cmn  common_init_: failed to load model '/home/anna/data/models/m.gguf'
0.00.004.701 E srv    load_model: failed to load model, '/home/anna/data/models/m.gguf'
"""
HEADER = """\
0.00.001.100 E gguf_init_from_reader: tensor 'output.weight' has invalid ggml type 999. should be in [0, 43)
0.00.001.101 E gguf_init_from_reader: failed to read tensor info
0.00.001.102 E llama_model_load: error loading model: llama_model_loader: failed to load model from /home/anna/m.gguf
"""
ABORT = "/build/thirdparty/llama.cpp/src/llama-model.cpp:1356: GGML_ASSERT(hparams.n_layer_all > 0) failed\n"
PATH = "0.00.001.100 E srv  load: error: cannot open /home/anna/secret folder/x.gguf\n"
SOCKET = "0.00.003.364 E srv         start: couldn't bind HTTP server socket, hostname: /run/x.sock, port: 0\n"


@pytest.mark.parametrize(
    ("stderr", "said", "exit_code", "reason"),
    [
        (TENSOR, "Failed to init server", 3, "tensor 'a' has wrong shape"),
        (HEADER, "Failed to init server", 3, "tensor 'output.weight' has invalid ggml type 999. should be in [0, 43)"),
        (ABORT, None, -6, "llama.cpp gave up on it because this does not hold: hparams.n_layer_all > 0"),
        ("", "its weights are damaged", 3, "its weights are damaged"),
        ("", None, -9, "its process was killed, most likely because the machine ran out of memory"),
        ("", None, -11, "its process was ended by the signal 11"),
        ("", None, 1, "its process ended with the exit code 1"),
    ],
)
def test_the_reason_is_the_deepest_cause(stderr: str, said: str | None, exit_code: int, reason: str) -> None:
    assert load_reason(stderr.splitlines(), said, exit_code) == reason


@pytest.mark.parametrize("stderr", [TENSOR, HEADER, ABORT, PATH])
def test_no_reason_names_a_folder_of_the_machine(stderr: str) -> None:
    reason = load_reason(stderr.splitlines(), None, 3)
    assert "/home" not in reason
    assert "anna" not in reason
    assert "/build" not in reason


def test_errors_of_single_requests_explain_no_crash() -> None:
    request = "0.00.910.531 E srv    send_error: task id = 9, error: request exceeds the available context size"
    assert crash_reason([request], -11) == "its process was ended by the signal 11"
    assert crash_reason([request, *ABORT.splitlines()], -6).startswith("llama.cpp gave up on it")


@pytest.mark.parametrize(
    ("stderr", "exit_code", "blamed"),
    [(TENSOR, 3, True), (ABORT, -6, True), ("", -11, True), ("", -9, False), ("", -4, False), (SOCKET, 3, False)],
)
def test_the_machine_s_troubles_are_not_the_file_s(stderr: str, exit_code: int, blamed: bool) -> None:
    assert blames_file(stderr.splitlines(), None, exit_code) is blamed


def test_a_long_reason_is_cut() -> None:
    assert len(load_reason([], "x" * 5000, 3)) <= 301
