"""/users/profile/export and /import: an account as one file."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from hearthside.dialects.credentials import Throttled
from hearthside.dialects.pocketllm import account_schemas as schemas
from hearthside.dialects.pocketllm.codec import to_import_result
from hearthside.dialects.services import House
from hearthside.dialects.uploads import uploaded
from hearthside.kit.actor import Actor, Scope

IMPORT_PATH = "/users/profile/import"

router = APIRouter(tags=["users"])

Exporter = Annotated[Actor, Depends(Throttled("export", Scope.READ))]
Importer = Annotated[Actor, Depends(Throttled("import", Scope.WRITE))]

ARCHIVE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}, "description": "The archive"}}
_BINARY = {"type": "string", "format": "binary"}
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/zip": {"schema": _BINARY},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": _BINARY}, "required": ["file"]}
            },
        },
    }
}


@router.get("/users/profile/export", response_class=Response, responses=ARCHIVE)
async def export_profile(actor: Exporter, house: House) -> StreamingResponse:
    """Everything in the account: as JSON to be imported again, and as Markdown to be read."""
    name = f"hearthside-{house.clock.now():%Y-%m-%d}.zip"
    return StreamingResponse(
        _closing(house.portability.export(actor)),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post(IMPORT_PATH, openapi_extra=FILE)
async def import_profile(request: Request, actor: Importer, house: House) -> schemas.ImportResult:
    """Adds what is in an export of Hearthside's, ChatGPT's or Claude's. The same file again adds nothing."""
    async with uploaded(request) as file:
        return to_import_result(await house.portability.import_(actor, file))


async def _closing(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The response leaves the generator alone when its client leaves."""
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece
