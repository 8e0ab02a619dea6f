"""/health, /version, /ready: for people's monitors; no sign-in."""

from fastapi import APIRouter, Response

import hearthside
from hearthside.dialects.conversations import schemas
from hearthside.dialects.conversations.codec import to_time
from hearthside.dialects.services import House

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(house: House) -> schemas.Health:
    """Whether the process answers: it touches nothing that could be down or slow."""
    return schemas.Health(
        status="healthy",
        version=hearthside.__version__,
        uptime_seconds=round(house.clock.monotonic() - house.started_at, 3),
        timestamp=to_time(house.clock.now()),
    )


@router.get("/version")
async def version() -> schemas.Version:
    return schemas.Version(version=hearthside.__version__)


@router.get("/ready", responses={503: {"model": schemas.Ready}})
async def ready(response: Response, house: House) -> schemas.Ready:
    """Whether work can be taken on; 503 names what is missing."""
    missing = list(await house.readiness())
    if missing:
        response.status_code = 503
    return schemas.Ready(status="not_ready" if missing else "ready", missing=missing)
