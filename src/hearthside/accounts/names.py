"""What people call themselves: user names, e-mail addresses and other short texts, checked and made comparable."""

import re
import unicodedata

from hearthside.kit.errors import FieldProblem, Invalid
from hearthside.kit.text import storable

USERNAME = re.compile(r"[A-Za-z0-9._-]{3,40}")
# Enough to catch a slip; whether an address exists only a letter to it can tell.
EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,255}")

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

EMAIL_CHARACTERS = 320
LABEL_CHARACTERS = 100
DISPLAY_NAME_CHARACTERS = 120
USER_AGENT_CHARACTERS = 300


def checked_username(username: str) -> str:
    """Errors: Invalid."""
    if not USERNAME.fullmatch(username):
        raise _invalid("username", "3 to 40 letters, digits, dots, hyphens or underscores")
    return username


def checked_email(email: str) -> str:
    """Without the blanks around it. Errors: Invalid."""
    email = email.strip()
    if not EMAIL.fullmatch(email) or not _encodable(email) or len(compared(email)) > EMAIL_CHARACTERS:
        raise _invalid("email", "an e-mail address such as name@example.org")
    return email


def checked_label(text: str, field: str, *, limit: int = LABEL_CHARACTERS) -> str:
    """A short text on one line, without the blanks around it. Errors: Invalid."""
    text = text.strip()
    if not 0 < len(text) <= limit or not _encodable(text) or any(_is_control(character) for character in text):
        raise _invalid(field, f"1 to {limit} characters on one line")
    return text


def checked_display_name(name: str, field: str = "display_name") -> str:
    """What a person is called. Errors: Invalid."""
    return checked_label(name, field, limit=DISPLAY_NAME_CHARACTERS)


def checked_prose(text: str, field: str, *, limit: int) -> str:
    """A text of any number of lines, or none, without the blanks around it. Errors: Invalid."""
    text = text.strip()
    if len(text) > limit or storable(text) != text:
        raise _invalid(field, f"a text of at most {limit} characters")
    return text


def compared(name: str) -> str:
    """The form in which two names or two addresses are the same: case and Unicode variants do not tell them apart."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def is_login(login: str) -> bool:
    """Whether `login` can be a user name or an e-mail address at all; what cannot need not be looked for."""
    login = login.strip()
    return bool(USERNAME.fullmatch(login) or (EMAIL.fullmatch(login) and _encodable(login)))


def is_uid(text: str) -> bool:
    """Whether `text` has the form of our UUIDs; what has not names nothing and need not be looked for."""
    return bool(UID.fullmatch(text))


def cut_user_agent(text: str) -> str:
    """What a client says about itself, made harmless for a list of devices."""
    kept = "".join(character for character in text if not _is_control(character))
    return kept.encode(errors="replace").decode()[:USER_AGENT_CHARACTERS]


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Zl", "Zp"}


def _encodable(text: str) -> bool:
    """False for half a surrogate pair, which JSON can carry and no database stores."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _invalid(field: str, wanted: str) -> Invalid:
    return Invalid(f"{field} must be {wanted}.", fields=[FieldProblem(where=field, message=f"must be {wanted}")])
