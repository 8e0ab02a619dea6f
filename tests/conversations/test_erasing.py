"""The end of an account: replies stop, and everything of the user goes, part by part."""

from hearthside.conversations.erasing import Erasing
from hearthside.conversations.model import Generation, GenerationState, MessageStatus
from hearthside.gateway.model import TextDelta
from hearthside.gateway.providers.scripted import Gate, says
from hearthside.kit.actor import Actor
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, BERT, CHOICE, Process


async def test_every_reply_of_the_user_stops_in_whatever_process(start: Start) -> None:
    gates = [Gate() for _ in range(3)]
    here = await start(*([TextDelta("Good "), gate, *says("morning")] for gate in gates[:2]))
    there = await start([TextDelta("Good "), gates[2], *says("morning")])
    mine = [(here, await begun(here, ANNE)), (there, await begun(there, ANNE))]
    other = await begun(here, BERT)
    async with here.database.write() as connection:
        announce = await here.generations.stop_all(connection, ANNE.user_id)
    announce()
    for process, generation in mine:
        ended = await process.generations.ended(ANNE, generation.conversation_id, generation.uid)
        assert ended.state is GenerationState.CANCELLED
        _, answer = await process.shown(ANNE, generation.conversation_id)
        assert answer.status is MessageStatus.CANCELLED
    running = await here.generations.get(BERT, other.conversation_id, other.uid)
    assert running.state is GenerationState.RUNNING
    for gate in gates:
        gate.open()


async def begun(process: Process, actor: Actor) -> Generation:
    return await process.generations.reply(actor, await process.ask(actor), CHOICE)


async def test_everything_of_one_user_goes_in_parts_and_nothing_of_another(start: Start) -> None:
    process = await start(says("Hi"))
    for actor in (ANNE, BERT):
        for _ in range(3):
            await process.reply(actor, await process.ask(actor, "one", "two", "three"))
    erasing = Erasing(process.events, messages_at_once=5)
    parts = 0
    is_more = True
    while is_more:
        async with process.database.write() as connection:
            is_more = await erasing.erase(connection, ANNE.user_id)
        parts += 1
    assert parts == 4  # twelve messages by fives, the last of them with the conversations; then the workspaces
    assert (await process.conversations.list(ANNE)).items == ()
    assert (await process.conversations.list(ANNE, query="three")).items == ()
    assert len((await process.conversations.list(BERT, query="three")).items) == 3
    is_more = True
    while is_more:
        async with process.database.write() as connection:
            is_more = await erasing.compact(connection)
    assert len((await process.conversations.list(BERT, query="three")).items) == 3
