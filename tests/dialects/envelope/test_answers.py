from datetime import UTC, datetime, timedelta, timezone

import pytest

from hearthside.dialects.envelope.answers import REQUEST_ID, Enveloped, to_time
from tests.dialects.envelope import samples
from tests.dialects.envelope.samples import body_of


async def test_the_metadata_is_that_of_the_moment_of_sending() -> None:
    _, body = await body_of(Enveloped({"success": True, "data": [1], "error": None}), seconds=0.12345)
    assert list(body) == ["success", "data", "error", "metadata"]
    assert body["metadata"] == {
        "timestamp": body["metadata"]["timestamp"],
        "requestId": samples.REQUEST_ID,
        "processingTime": 123.45,
    }


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2023, 10, 27, 10, tzinfo=UTC), "2023-10-27T10:00:00.000Z"),
        (datetime(2023, 10, 27, 10, 0, 0, 123_999, tzinfo=UTC), "2023-10-27T10:00:00.123Z"),
        (datetime(2023, 10, 27, 12, tzinfo=timezone(timedelta(hours=2))), "2023-10-27T10:00:00.000Z"),
    ],
)
def test_times(moment: datetime, text: str) -> None:
    assert to_time(moment) == text


@pytest.mark.parametrize(
    ("request_id", "is_taken"),
    [
        ("9f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f", True),
        ("9F1C2D3E-4B5A-4C6D-8E7F-0A1B2C3D4E5F", True),
        ("9f1c2d3e-4b5a-7c6d-8e7f-0a1b2c3d4e5f", False),
        ("9f1c2d3e-4b5a-4c6d-ce7f-0a1b2c3d4e5f", False),
        ("9f1c2d3e4b5a4c6d8e7f0a1b2c3d4e5f", False),
        ("", False),
    ],
)
def test_request_ids_are_uuids_of_version_4(request_id: str, is_taken: bool) -> None:
    assert (REQUEST_ID.fullmatch(request_id) is not None) is is_taken
