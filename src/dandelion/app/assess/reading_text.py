"""What a text file is written in: its encoding, its delimiter, and where a line stands.

The whole file is scanned once (about 2 GB a second of plain ASCII) before a single row is believed, so that a file that
changes its encoding half way is refused with the line where it does, instead of being read as somebody else's names.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path

from dandelion.core import BadInput

HEAD_BYTES = 64 * 1024
BLOCK_BYTES = 4 * 1024 * 1024
DELIMITERS = (",", "\t", ";", "|")
_CJK_PAIR_UTF8 = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class TextFacts:
    """`encoding` is utf-8, utf-8-sig or gb18030; `quoted` says whether a double quote occurs anywhere."""

    encoding: str
    quoted: bool


def text_facts(path: Path) -> TextFacts:
    """Encoding of the whole file.  Errors: BadInput for a binary file, UTF-16, or encodings that mix."""
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES)
    mark = next((name for bom, name in _MARKS.items() if start.startswith(bom)), None)
    if mark == "utf-16":
        raise BadInput(
            f"{path.name} is written in UTF-16; save it as CSV UTF-8 (or GB18030) and try again", field="file"
        )
    if b"\x00" in start:
        raise BadInput(f"{path.name} is not text (it holds zero bytes); give CSV, Excel .xlsx or Parquet", field="file")
    quoted, not_utf8 = _scan_utf8(path)
    if not_utf8 is None:
        return TextFacts(mark or "utf-8", quoted)
    if mark is not None:
        raise BadInput(
            f"{path.name} mixes encodings: it starts as UTF-8 but line {not_utf8} is not; save it again as UTF-8",
            field="file",
        )
    _refuse_mixture(path, not_utf8)
    return TextFacts("gb18030", quoted)


def _blocks(path: Path) -> list[tuple[int, int]]:
    """(offset, length) of blocks cut at line ends; a single line longer than a block is its own block."""
    size, at, cuts = path.stat().st_size, 0, []
    with path.open("rb") as file:
        while at < size:
            file.seek(min(at + BLOCK_BYTES, size))
            tail = file.readline() if at + BLOCK_BYTES < size else b""
            end = min(at + BLOCK_BYTES, size) + len(tail)
            cuts.append((at, end - at))
            at = end
    return cuts


def _scan_utf8(path: Path) -> tuple[bool, int | None]:
    """(does a double quote occur, number of the first line that is not UTF-8)."""
    quoted, lines = False, 0
    with path.open("rb") as file:
        for offset, length in _blocks(path):
            file.seek(offset)
            block = file.read(length)
            quoted = quoted or b'"' in block
            if not block.isascii():
                try:
                    block.decode("utf-8")
                except UnicodeDecodeError as error:
                    return quoted or b'"' in file.read(), lines + block.count(b"\n", 0, error.start) + 1
            lines += block.count(b"\n")
    return quoted, None


def _refuse_mixture(path: Path, not_utf8: int) -> None:
    """The file is not UTF-8 (first at line `not_utf8`): it must be GB18030 throughout."""
    lines = 0
    with path.open("rb") as file:
        for offset, length in _blocks(path):
            file.seek(offset)
            block = file.read(length)
            if not block.isascii():
                for found in _CJK_PAIR_UTF8.finditer(block):
                    first, last = block.rfind(b"\n", 0, found.start()) + 1, block.find(b"\n", found.end())
                    if _is_utf8(block[first : last if last >= 0 else len(block)]):
                        line = lines + block.count(b"\n", 0, found.start()) + 1
                        raise BadInput(
                            f"{path.name} mixes encodings: line {not_utf8} is not UTF-8 but line {line} is; "
                            "save the whole file in one encoding (UTF-8 is best)",
                            field="file",
                        )
                try:
                    block.decode("gb18030")
                except UnicodeDecodeError as error:
                    line = lines + block.count(b"\n", 0, error.start) + 1
                    raise BadInput(
                        f"{path.name} mixes encodings: line {not_utf8} is not UTF-8 and line {line} is not GB18030; "
                        "save the whole file in one encoding (UTF-8 is best)",
                        field="file",
                    ) from None
            lines += block.count(b"\n")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def head_lines(path: Path, encoding: str) -> list[str]:
    """The lines of the first 64 KB, the last one dropped where it may be cut."""
    with path.open("rb") as file:
        raw = file.read(HEAD_BYTES)
        whole = not file.read(1)
    text = raw if whole or b"\n" not in raw else raw[: raw.rfind(b"\n")]
    return text.decode(encoding, errors="replace").splitlines()


def split_line(line: str, delimiter: str) -> list[str]:
    """The cells of one line, quotes undone."""
    return next(csv.reader([line], delimiter=delimiter), [])
