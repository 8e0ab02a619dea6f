"""A portability put together, for the server and for the command line."""

from hearthside.accounts.profiles import Profiles
from hearthside.conversations.transfer import ConversationTransfer
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.portability.conversation_part import ConversationPart
from hearthside.portability.people import AccountProfiles
from hearthside.portability.profile_part import ProfilePart
from hearthside.portability.service import Portability


def assemble(database: Database, clock: Clock, profiles: Profiles) -> Portability:
    transfer = ConversationTransfer(database, clock)
    parts = [ProfilePart(AccountProfiles(profiles), clock), ConversationPart(transfer, clock)]
    return Portability(transfer, clock, parts=parts)
