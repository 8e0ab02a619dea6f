"""`hearthside models`: what lies in the folder, getting more, checking a file. Works with or without a server."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from hearthside import builtin
from hearthside.engines import hub
from hearthside.engines.errors import size
from hearthside.engines.library import LocalLibrary
from hearthside.engines.memory import plan_load
from hearthside.engines.model import LoadFailed, LocalModel
from hearthside.engines.policy import policy_from
from hearthside.engines.process import ProcessLauncher
from hearthside.kit.errors import HearthsideError
from hearthside.settings import Settings


def make_commands(read_settings: Callable[[], Settings]) -> typer.Typer:
    """The sub-application; the settings are read when a command runs."""
    app = typer.Typer(name="models", help="List, fetch and check local models.", no_args_is_help=True)

    @app.command("list")
    def list_models() -> None:  # pyright: ignore[reportUnusedFunction]
        """List the model files in the models folder."""
        _print_models(LocalLibrary(read_settings().models_folder, builtin.ember()))

    @app.command()
    def pull(  # pyright: ignore[reportUnusedFunction]
        repository: Annotated[str, typer.Argument(help="A repository on the hub, as OWNER/NAME.")],
        file: Annotated[str, typer.Argument(help="A GGUF file in it; may be left out where there is one only.")] = "",
    ) -> None:
        """Fetch a model from a Hugging Face repository (HF_ENDPOINT and HF_TOKEN as usual)."""
        with _spoken_errors():
            _pull(repository, file, LocalLibrary(read_settings().models_folder, built_in=None))

    @app.command()
    def check(  # pyright: ignore[reportUnusedFunction]
        file: Annotated[Path, typer.Argument(help="A GGUF file anywhere.", exists=True, dir_okay=False)],
        load: Annotated[bool, typer.Option(help="Also load it and make one token.")] = False,
    ) -> None:
        """Tell whether a model file is sound."""
        model = LocalLibrary(file.parent, built_in=None).describe(file)
        with _spoken_errors():
            _check(model, read_settings() if load else None)

    return app


def _print_models(library: LocalLibrary) -> None:
    table = Table("model", "name", "size", "context", "problem", box=None, pad_edge=False)
    for model in library.models():
        table.add_row(model.id, model.label, size(model.size_bytes), f"{model.context_tokens:,}", model.problem or "")
    Console().print(table)


def _pull(repository: str, file: str, library: LocalLibrary) -> None:
    chosen = file or _only_file(repository)
    path = hub.fetch(repository, chosen, library.folder, show_progress=sys.stderr.isatty())
    model = library.describe(path)
    if model.problem:
        _fail(f"{chosen} was fetched, but it cannot be used: {model.problem}.")
    typer.echo(f"{model.id} is ready to use: {_facts(model)}.")


def _only_file(repository: str) -> str:
    files = hub.repository_files(repository)
    if not files:
        _fail(f"{repository} holds no GGUF files.")
    if len(files) > 1:
        listed = "\n".join(f"  {name}  {size(count)}" for name, count in sorted(files.items()))
        _fail(f"{repository} holds several models. Name one of them:\n{listed}")
    return next(iter(files))


def _check(model: LocalModel, settings: Settings | None) -> None:
    if model.problem:
        _fail(f"{model.path.name} cannot be used: {model.problem}.")
    if settings is not None:
        asyncio.run(_load_once(model, settings))
    typer.echo(f"{model.path.name} is sound: {_facts(model)}.")


async def _load_once(model: LocalModel, settings: Settings) -> None:
    policy = policy_from(settings)
    launcher = ProcessLauncher(settings.data_dir / "run", load_seconds=policy.load_seconds)
    try:
        process = await launcher.launch(plan_load(model, policy))
        await process.stop()
    except LoadFailed as failure:
        _fail(f"{model.path.name} cannot be loaded: {failure.reason}.")
    finally:
        launcher.close()


def _facts(model: LocalModel) -> str:
    millions = model.parameters / 1e6
    return f"{model.architecture}, {millions:,.1f} million parameters, {model.context_tokens:,} tokens of context"


class _spoken_errors:  # noqa: N801 - reads as a phrase where it is used
    """What went wrong, as a line for people and an exit code of 1, instead of a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, HearthsideError):
            _fail(error.message)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
