"""The model that comes with Hearthside: Ember, its weights and the JSON schemas of its two skills, as package data.

The skill is chosen by a system prompt of one word: `part` turns a request into the requirements of a part, `scene`
into a scene, `title` into a title of a few words; anything else, or none, is short chat. The schemas are for the first
two.
"""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BuiltIn:
    id: str
    label: str
    description: str
    path: Path
    schemas: dict[str, Path]


def ember() -> BuiltIn:
    """Hearthside is installed as a folder, never as a zip file: the model's process opens the weights by their path."""
    folder = Path(str(files(__name__)))
    return BuiltIn(
        id="ember",
        label="Ember (built-in, small, offline; preview)",
        description=(
            "A very small model trained for Hearthside: part and scene descriptions, titles, short chat in English. "
            "A preview: it works without a network and without a download, and it is often wrong."
        ),
        path=folder / "ember-q8_0.gguf",
        schemas={skill: folder / f"{skill}.schema.json" for skill in ("part", "scene")},
    )
