"""A printed page: PDF 1.4 with the built-in font, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

LINES_A_PAGE = 54
"""What fits between the margins of a US letter page at 13 points a line."""


def document(lines: Sequence[str]) -> bytes:
    """Pages with these lines of text; letters that the font has not become question marks."""
    pages = [lines[at : at + LINES_A_PAGE] for at in range(0, max(1, len(lines)), LINES_A_PAGE)]
    # Objects 1 to 3 are shared; then each page has itself and its text.
    numbers = [4 + 2 * index for index in range(len(pages))]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (b" ".join(b"%d 0 R" % n for n in numbers), len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in zip(numbers, pages, strict=True):
        text = _text(page)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (number + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text))
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    """The objects, numbered from 1, and the table of where each begins."""
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")  # the second line says that it is binary
    offsets: list[int] = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(body)


def _text(lines: Sequence[str]) -> bytes:
    """Operators that write the lines down the page, 11 points high, 13 apart."""
    shown = b"".join(b"(%b) Tj T*\n" % _escaped(line) for line in lines)
    return b"BT\n/F1 11 Tf\n13 TL\n54 738 Td\n%bET" % shown


def _escaped(line: str) -> bytes:
    plain = line.encode("cp1252", errors="replace")
    return plain.replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
