"""The notation in which the tables say what a property is.

    text 21          a string of at most so many characters (4000 where none is said)
    date, time       `2020-09-29`; `2020-09-29T05:58:07-07:00`
    money, number    decimals: money is rounded to cents, a number keeps its places
    quantity, percent   decimals with faults of their own; a percentage is 0 to 100
    count            a whole number
    flag             true or false
    email, uri       a string of that form
    one A|B          one of these words
    word A|B         a text; if it is one of these words, in whatever case, it is written so
    ref Account      `{"value": "7", "name": ...}` of an object of that entity; several entities with |, none: unchecked
    of Address       an object of that shape
    list Line        an array of objects of that shape, or of texts
    any              known to the service, of no interest here

A `-` before it: the server's own, silently ignored in a request. A `+`: kept by a full update that leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MOST_CHARACTERS = 4000
"""Of a text whose table row says nothing else: the longest that Intuit documents, of notes and descriptions."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a shape."""

    name: str
    kind: str
    """`text`, `date`, `money`, `ref` ...: the first word of the notation."""
    argument: str
    """What follows it."""
    is_readonly: bool
    is_kept: bool
    """By a full update that leaves it out."""

    @property
    def most_characters(self) -> int:
        return int(self.argument) if self.argument else MOST_CHARACTERS

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(self.argument.split("|")) if self.argument else ()


Shape = Mapping[str, Property]
"""Property names to properties, in the order in which a fault lists them."""


def shape(*tables: str) -> Shape:
    """The properties of some tables together: one a line, `Name: notation`, or `Name, Name: notation`.

    A later table may say of a property something else than an earlier one.
    """
    found: dict[str, Property] = {}
    for line in "\n".join(tables).splitlines():
        names, colon, notation = line.strip().partition(":")
        if colon:
            found |= {name.strip(): _property(name.strip(), notation.strip()) for name in names.split(",")}
    return MappingProxyType(found)


def _property(name: str, notation: str) -> Property:
    mark = notation[0] if notation[0] in "-+" else ""
    kind, _, argument = notation.removeprefix(mark).partition(" ")
    return Property(name, kind, argument, is_readonly=mark == "-", is_kept=mark == "+")
