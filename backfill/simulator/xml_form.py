"""XML at the API's door, for clients that do not ask for JSON: answers to it, requests from it.

One rule makes the one of the other, in both ways: what is written small in JSON (`domain`, `bId`, `startPosition`) is
an attribute in XML, `value` is an element's text, and an array is an element again and again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from backfill.simulator.call import Call
from backfill.simulator.documents import Doc, decode, encode
from backfill.simulator.envelopes import XML, Answer
from backfill.simulator.faults import FaultedError, bad_body
from backfill.simulator.reads import BY_PATH
from backfill.simulator.writing.requests import BY_KEY
from backfill.simulator.writing.schema.notation import Property, Shape
from backfill.simulator.writing.schema.table import ENTITY_SHAPES, PART_SHAPES

NAMESPACE = "http://schema.intuit.com/finance/v3"
_ONE_LANGUAGE = frozenset({"entitlements", "taxservice"})
"""What is XML alone, and what is JSON alone."""
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERS = frozenset({"count", "money", "number", "percent", "quantity"})


def in_json(call: Call) -> Call:
    """The call as one that speaks JSON. Raises `FaultedError` for a body that says it is XML, and is not."""
    speaks_json = call.accepts_json
    if (speaks_json and not _is_xml(call.headers.get("content-type", ""))) or call.segments[0] in _ONE_LANGUAGE:
        return call
    headers = call.headers if speaks_json else {**call.headers, "accept": "application/json"}
    try:
        return replace(call, headers=headers, body=_body(call))
    except RecursionError as error:
        raise FaultedError(bad_body("the elements are nested too deep")) from error


def _body(call: Call) -> bytes:
    """The body in JSON: of a write or a batch that says it is XML; any other is left as it is."""
    first, *rest = call.segments
    if call.method != "POST" or rest or not _is_xml(call.headers.get("content-type", "")):
        return call.body
    if first == "batch":
        return encode({"BatchItemRequest": [_item(element) for element in _parsed(call.body)]})
    if first in BY_PATH:
        return encode(_read(ENTITY_SHAPES.get(BY_PATH[first].name, {}), _parsed(call.body)))
    return call.body


def object_of(entity: str, data: bytes) -> Doc:
    """An entity's object written in XML. Raises `FaultedError` for what is none."""
    return _read(ENTITY_SHAPES[entity], _parsed(data))


def in_xml(answer: Answer) -> Answer:
    """The answer as XML, if it is JSON; a file stays what it is."""
    if not answer.content_type.startswith("application/json"):
        return answer
    said = decode(answer.body)
    root = "Report" if "ReportName" in said.get("Header", ()) else "IntuitResponse"
    whole = "".join(_written(root, said | {"xmlns": NAMESPACE}))
    body = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{whole}'
    return replace(answer, body=body.encode(), content_type=XML)


def _is_xml(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in {"application/xml", "text/xml"}


def _written(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            yield from _written(name, part)
        return
    if value is None:
        return
    if not isinstance(value, dict):
        yield f"<{name}>{_text(value)}</{name}>"
        return
    is_cell = name == "ColData"  # of a report: its value is an attribute too
    small = {
        key: part
        for key, part in value.items()
        if key[:1].islower() and (key != "value" or is_cell) and part is not None
    }
    attributes = "".join(f" {key}={quoteattr(_plain(part))}" for key, part in small.items())
    inner = _text(value["value"]) if "value" in value and not is_cell else "".join(_children(value, small))
    yield f"<{name}{attributes}>{inner}</{name}>"


def _children(value: Mapping[str, Any], small: Mapping[str, Any]) -> Iterator[str]:
    for key, part in value.items():
        if key not in small:
            yield from _written(key, part)


def _text(value: Any) -> str:
    return escape(_plain(value))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _NOT_IN_XML.sub("", str(value))


def _parsed(body: bytes) -> ET.Element:
    try:
        text = body.decode()
        if "<!DOCTYPE" in text:
            raise FaultedError(bad_body("a document type is not allowed"))  # nothing here needs one, and bombs do
        return ET.fromstring(text)  # noqa: S314 -- without a document type there is nothing to expand
    except (ET.ParseError, ValueError) as error:
        raise FaultedError(bad_body(str(error))) from error


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _attributes(element: ET.Element) -> Doc:
    return {name: value == "true" if name == "sparse" else value for name, value in element.attrib.items()}


def _read(shape: Shape, element: ET.Element) -> Doc:
    found: Doc = _attributes(element)
    for child in element:
        name = _name(child)
        known = shape.get(name)
        value = _value(known, child)
        if known is not None and known.kind == "list":
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def _value(known: Property | None, element: ET.Element) -> Any:
    """An element's value; of a property that is not known, whatever it looks like."""
    text = element.text or ""
    match known:
        case Property(kind="ref"):
            return {"value": text} | _attributes(element)
        case Property(kind="of" | "list", argument=part) if part in PART_SHAPES:
            shape = PART_SHAPES[part]
            return {"value": text} | _attributes(element) if "value" in shape else _read(shape, element)
        case Property(kind="flag") if text in {"true", "false"}:
            return text == "true"
        case Property(kind=kind) if kind in _NUMBERS:
            return _number(text)
        case _:
            # An object within another, as a RecurringTransaction has one, is read as what it is.
            return _read(ENTITY_SHAPES.get(BY_KEY.get(_name(element), ""), {}), element) if len(element) else text


def _number(text: str) -> Decimal | int | str:
    """The number; what is none stays a text, which is refused as one."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    return int(number) if number == number.to_integral_value() and "." not in text else number


def _item(element: ET.Element) -> Doc:
    item = _attributes(element)
    for child in element:
        name = _name(child)
        entity = BY_KEY.get(name)
        if entity is not None:
            item[name] = _read(ENTITY_SHAPES.get(entity, {}), child)
        else:
            item[name] = _read({}, child) if len(child) else child.text or ""
    return item
