"""Pictures on their way to providers that want their bytes apart from their type."""

import re
from dataclasses import dataclass

from hearthside.gateway.model import Image
from hearthside.kit.errors import Invalid

_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,([A-Za-z0-9+/=_-]+)")


@dataclass(frozen=True, slots=True)
class Inline:
    """`data` is base64."""

    media_type: str
    data: str


def inline(image: Image) -> Inline | None:
    """The picture in a data: URL; None for one that lies elsewhere. Raises Invalid for any other kind of URL."""
    if image.url.startswith(("https://", "http://")):
        return None
    match = _DATA_URL.fullmatch(image.url)
    if match is None:
        raise Invalid("A picture must be an https:// URL or a base64 data: URL of an image.")
    return Inline(match.group(1), match.group(2))
