"""Reads XML that others wrote: sitemaps and feeds."""

from __future__ import annotations

import xml.etree.ElementTree as ET


class NotXmlError(ValueError):
    """A document is not well-formed; the message says where, the `line` is 0 if nobody knows."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def parse_xml(body: bytes) -> ET.Element:
    """The root of a document.

    Raises:
        NotXmlError: it is no well-formed XML, or it declares entities. Neither a sitemap nor a feed
            needs any, and entities within entities can grow without end.
    """
    if b"<!ENTITY" in body:
        raise NotXmlError("it declares entities, which no feed and no sitemap needs")
    try:
        return ET.fromstring(body)  # noqa: S314 (entities are refused above)
    except ET.ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        raise NotXmlError(f"line {line}, column {column + 1}: {reason}", line) from None
    except (LookupError, ValueError) as error:  # an encoding that Python or expat does not know
        raise NotXmlError(str(error)) from None


def local_name(element: ET.Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def text_of(element: ET.Element) -> str:
    """The text directly within, without white space around it."""
    return (element.text or "").strip()
