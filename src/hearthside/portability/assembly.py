"""A portability put together, for the server and for the command line."""

from hearthside.conversations.transfer import ConversationTransfer
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.portability.conversation_part import ConversationPart
from hearthside.portability.service import Portability


def assemble(database: Database, clock: Clock) -> Portability:
    transfer = ConversationTransfer(database, clock)
    return Portability(transfer, clock, parts=[ConversationPart(transfer, clock)])
