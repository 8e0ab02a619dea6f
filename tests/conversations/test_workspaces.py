"""Workspaces: folders of conversations, one of them by default."""

import asyncio

import pytest

from hearthside.gateway.model import TextDelta
from hearthside.gateway.providers.scripted import Gate
from hearthside.kit.errors import Conflict, Invalid, NotFound
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, BERT, CHOICE, Process


async def test_everybody_has_one_by_default(process: Process) -> None:
    (default,) = await process.workspaces.list(ANNE)
    assert await process.workspaces.list(ANNE) == [default]
    assert (await process.conversations.create(ANNE)).workspace_id == default.id
    assert (await process.conversations.create(BERT)).workspace_id != default.id


async def test_the_default_one_is_made_once(process: Process) -> None:
    made = await asyncio.gather(*(process.conversations.create(ANNE) for _ in range(5)))
    assert len({conversation.workspace_id for conversation in made}) == 1
    assert len(await process.workspaces.list(ANNE)) == 1


async def test_a_workspace_is_made_renamed_and_filled(process: Process) -> None:
    work = await process.workspaces.create(ANNE, name=" Work ")
    assert (await process.workspaces.rename(ANNE, work.id, name="Job")).name == "Job"
    inside = await process.conversations.create(ANNE, workspace_id=work.id)
    await process.conversations.create(ANNE)
    page = await process.conversations.list(ANNE, workspace_id=work.id)
    assert page.items == (inside,)
    with pytest.raises(Invalid):
        await process.workspaces.create(ANNE, name=" ")


async def test_deleting_a_workspace_deletes_what_is_in_it_and_ends_its_replies(start: Start) -> None:
    gate = Gate()
    process = await start([TextDelta("So far"), gate])
    work = await process.workspaces.create(ANNE, name="Work")
    conversation = await process.conversations.create(ANNE, workspace_id=work.id)
    await process.conversations.append(ANNE, conversation.id, content="Hello?")
    kept = await process.ask(ANNE)
    generation = await process.generations.reply(ANNE, conversation.id, CHOICE)
    await gate.reached.wait()
    await process.workspaces.delete(ANNE, work.id)
    await process.provider.closed.wait()
    assert [one.id for one in (await process.conversations.list(ANNE)).items] == [kept]
    assert (await process.conversations.list(ANNE, query="hello")).items[0].id == kept
    with pytest.raises(NotFound):
        await process.generations.get(ANNE, conversation.id, generation.uid)


async def test_the_default_one_cannot_be_deleted(process: Process) -> None:
    await process.ask(ANNE)
    (default,) = await process.workspaces.list(ANNE)
    with pytest.raises(Conflict):
        await process.workspaces.delete(ANNE, default.id)
    assert len((await process.conversations.list(ANNE)).items) == 1


async def test_what_is_another_users_does_not_exist(process: Process) -> None:
    work = await process.workspaces.create(ANNE, name="Work")
    for attempt in (
        process.workspaces.get(BERT, work.id),
        process.workspaces.rename(BERT, work.id, name="Mine"),
        process.workspaces.delete(BERT, work.id),
        process.conversations.create(BERT, workspace_id=work.id),
    ):
        with pytest.raises(NotFound) as refused:
            await attempt
        assert refused.value.code == "workspace_not_found"
    assert await process.workspaces.get(ANNE, work.id) == work
