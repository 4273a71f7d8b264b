"""A page as a strict parser reads it: every element closed in its place, every attribute once."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

EMPTY = {"meta", "link", "input", "br"}
"""Elements without an end."""

KNOWN = {
    *("html", "head", "title", "script", "noscript", "body", "header", "main", "nav", "section", "div", "form", "p"),
    *("a", "b", "bdi", "span", "h1", "h2", "table", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "progress"),
    *("select", "option", "button", *EMPTY),
}


@dataclass
class Page(HTMLParser):
    """What stands in a page. Raises `AssertionError` where it is no HTML, or has an element that we do not make."""

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    """Of what can be typed into."""
    loaded: list[str] = field(default_factory=list)
    """What the page makes a browser fetch."""
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, tag
        given = dict(attrs)
        assert len(given) == len(attrs), attrs
        assert not [name for name in given if name.startswith("on") or name == "style"], attrs
        self.elements.append(tag)
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "a":
            self.links.append(given["href"] or "")
        if tag == "input":
            self.values.append(given["value"] or "")
        self.loaded += [given[name] or "" for name in ("src", "href") if name in given and tag in {"script", "link"}]

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> ends nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    @property
    def text(self) -> str:
        """All that is read, with a blank between two elements."""
        return " ".join(self.texts)


def parsed(body: bytes) -> Page:
    page = Page()
    text = body.decode()
    assert text.startswith("<!doctype html>")
    page.feed(text)
    page.close()
    assert page._open == []
    assert all(address.startswith("/") and not address.startswith("//") for address in page.loaded), page.loaded
    return page
