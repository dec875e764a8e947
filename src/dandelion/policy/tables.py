"""Decision tables: a CSV file whose every row is a strategy.  Cells say what a column must be; all of a row must hold.

Lines that begin with ``#`` come first and hold what the rows share (``# stage: limit``); then the header, then the rows.
A row becomes the same text and the same nodes as if it had been written out under ``when``.  See docs/strategies.md.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dandelion.core import PPM, BadInput
from dandelion.policy.cells import Cell, overlaps, read_cell
from dandelion.policy.expression import And, Fixed, Truth
from dandelion.policy.grammar import Names, parse
from dandelion.policy.industries import Industry
from dandelion.policy.phrases import Sentence, Teller
from dandelion.policy.records import FILE_BYTES_MAX, Place, Reader, Record, empty
from dandelion.policy.strategy import ID, MODES, STAGES, Action, Example, Strategy, asked_in, read_action, read_moment
from dandelion.policy.workbook import csv_of

SHARED = (
    "id", "protects_against", "owner", "product", "stage", "only", "action", "reason", "priority", "purpose", "mode",
    "share_ppm", "arm", "from", "to", "overlap", "zh", "en", "covers",
)  # fmt: skip
OWN = ("id", "action", "amount", "reason", "priority", "purpose", "mode")  # header names that are no conditions
SAID = ("owner", "product", "action", "reason", "priority", "purpose", "mode", "share_ppm", "arm")
DEFAULTS = {"product": "*", "priority": "100", "mode": "live", "share_ppm": str(PPM), "arm": "*"}
ROWS_MAX = 5_000
_FILLED = re.compile(r"\{([^{}]*)\}")
_TEST = re.compile(r"(\S+) (fires|silent|unknown)(?:: (.*))?")


@dataclass(slots=True)
class _Table:
    """What the rows share, worked out once."""

    file: str
    head: Record
    names: Names
    stage: str
    prefix: str
    only: tuple[str, Truth | None]
    asked: tuple[frozenset[str], frozenset[str]]  # aliases and flags of `only`
    from_us: int
    to_us: int
    conditions: tuple[str, ...]
    tests: dict[str, list[tuple[int, str, str]]]
    sentences: tuple[Sentence | None, Sentence | None]  # in Chinese and English
    shared: dict[str, str]  # what a row does not say itself
    own: tuple[str, ...]  # what rows may say themselves
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    rows_ask: dict[tuple[str, ...], tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)
    actions: dict[tuple[str, str], Action] = field(default_factory=dict)

    def cell(self, name: str, text: str, place: Place) -> Cell:
        key = (name, text)
        if key not in self.cells:
            self.cells[key] = read_cell(name, text, self.names, place)
        return self.cells[key]

    def asks(self, filled: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
        """Aliases and flags of a row that fills these columns, beside those of `only`."""
        if filled not in self.rows_ask:
            flags = frozenset(name for name in filled if "(" in name)
            self.rows_ask[filled] = self.asked[0] | (frozenset(filled) - flags), self.asked[1] | flags
        return self.rows_ask[filled]

    def action(self, kind: str, amount: str, place: Place) -> Action:
        key = (kind, amount)
        if key not in self.actions:
            record = empty(place)
            number = amount.replace("_", "")
            value: object = int(number) if re.fullmatch(r"-?\d+", number) else amount or None
            held = empty(place)
            held[kind] = value
            record["action"] = held if value is not None else kind
            self.actions[key] = read_action(Reader(record), self.stage)
        return self.actions[key]


def read_table(
    file: Path, names: Names, timezone: str, industries: Mapping[str, Industry] | None = None
) -> Iterator[Strategy]:
    """The strategies of one table, CSV or Excel.  Errors: BadInput with file and line."""
    head, header, body, tests = _split(file)
    teller = Teller(names.constants, industries or {})
    table = _prepare(file, head, header[1], names, timezone, tests, teller)
    seen: dict[str, Place] = {}
    boxes: list[list[Cell]] = []
    places: list[tuple[str, Place]] = []
    for line, fields in body:
        place = Place(str(file), line)
        if len(fields) != len(header[1]):
            raise BadInput(f"{place}: has {len(fields)} cells; the header has {len(header[1])}", field="row")
        row = dict(zip(header[1], (cell.strip() for cell in fields), strict=True))
        strategy, cells = _strategy(table, row, place)
        if strategy.id in seen:
            raise BadInput(f"{place}: id {row['id']!r} already stands at {seen[strategy.id]}", field="id")
        seen[strategy.id] = place
        boxes.append(cells)
        places.append((row["id"], place))
        yield strategy
    for identity, wanted in tests.items():
        if f"{table.prefix}.{identity}" not in seen:
            raise BadInput(f"{file}:{wanted[0][0]}: test names row {identity!r}, which is not there", field="test")
    if head.get("overlap", "no") == "no":
        pair = overlaps(boxes)
        if pair is not None:
            (first, at), (second, place) = places[pair[0]], places[pair[1]]
            raise BadInput(
                f"{place}: row {second!r} can hold together with row {first!r} ({at}); part them, or say "
                "`# overlap: yes` where both may count",
                field="overlap",
            )


def _split(
    file: Path,
) -> tuple[Record, tuple[int, list[str]], list[tuple[int, list[str]]], dict[str, list[tuple[int, str, str]]]]:
    """(shared keys, header with its line, rows with theirs, tests by row)."""
    text = _text_of(file)
    head = empty(Place(str(file), 1))
    tests: dict[str, list[tuple[int, str, str]]] = {}
    header: tuple[int, list[str]] | None = None
    body: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text))
    try:
        for fields in reader:
            line = reader.line_num
            if not any(fields):
                continue
            if fields[0].startswith("#"):
                _shared(Place(str(file), line), ",".join(fields).rstrip(",").lstrip("# "), head, tests)
            elif header is None:
                header = (line, [name.strip() for name in fields])
            else:
                body.append((line, fields))
    except csv.Error as error:
        raise BadInput(f"{file}:{reader.line_num}: {error}", field=str(file)) from None
    if header is None or not body:
        raise BadInput(f"{file}:1: holds no rows; write a header and at least one row", field=str(file))
    if len(body) > ROWS_MAX:
        raise BadInput(f"{file}: {len(body)} rows; at most {ROWS_MAX}, split the table", field=str(file))
    return head, header, body, tests


def _text_of(file: Path) -> str:
    try:
        data = file.read_bytes()
        if len(data) > FILE_BYTES_MAX:
            raise BadInput(f"{file}: larger than {FILE_BYTES_MAX:,} bytes; split it", field=str(file))
        return csv_of(file) if file.suffix == ".xlsx" else data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{file}: cannot be read as UTF-8 text", field=str(file)) from None


def _shared(place: Place, text: str, head: Record, tests: dict[str, list[tuple[int, str, str]]]) -> None:
    """One line of what the rows share, or a test, or a remark (no known key before the first colon)."""
    key, colon, value = (part.strip() for part in text.partition(":"))
    if key == "test" and colon:
        match = _TEST.fullmatch(value)
        if match is None:
            raise BadInput(
                f"{place}: a test reads `row fires: alias=1, in_list(grey)=yes`, not {value!r}", field="test"
            )
        tests.setdefault(match[1], []).append((place.line, match[2], match[3] or ""))
    elif key in SHARED and colon:
        if key in head:
            raise BadInput(f"{place}: {key} is written twice", field=key)
        head[key], head.places[key] = value, place
    elif colon and re.fullmatch(r"[a-z_]+", key):
        raise BadInput(f"{place}: {key} is not known here; known: {', '.join(SHARED)}, test", field=key)


def _prepare(
    file: Path, head: Record, header: list[str], names: Names, timezone: str,
    tests: dict[str, list[tuple[int, str, str]]], teller: Teller,
) -> _Table:  # fmt: skip
    take = Reader(head)
    take.text("protects_against")
    stage, prefix = take.choice("stage", STAGES), take.text("id")
    only_text = take.text("only", "")
    try:
        only = parse(only_text, names) if only_text else None
    except BadInput as error:
        raise take.refuse("only", error.message) from None
    keys = {f"{function}({name})" for function, allowed in names.flags.items() for name in allowed}
    for name in header:
        if header.count(name) > 1:
            raise BadInput(f"{file}:1: column {name!r} stands twice in the header", field=name)
        if name not in OWN and name not in names.columns and name not in keys:
            raise BadInput(f"{file}:1: {name!r} is neither an alias nor a flag of this book", field=name)
    if "id" not in header:
        raise BadInput(f"{file}:1: the header has no column `id`", field="id")
    conditions = tuple(name for name in header if name not in OWN)
    shared = {key: str(head.get(key) or DEFAULTS.get(key, "")) for key in SAID}
    sentences = tuple(
        Sentence.read(text, language, teller) if text else None
        for language, text in zip(("zh", "en"), _sentences(take), strict=True)
    )
    return _Table(
        str(file), head, names, stage, prefix, (only_text, only), asked_in(only or Fixed(True)), read_moment(take, "from", "1980-01-01", timezone),
        read_moment(take, "to", "2200-01-01", timezone), conditions, tests, (sentences[0], sentences[1]), shared, tuple(key for key in SAID if key in header),
    )  # fmt: skip


def _sentences(take: Reader) -> tuple[str, str]:
    """The templates of a row's own sentence: both languages, or neither."""
    zh, en = take.text("zh", ""), take.text("en", "")
    if bool(zh) != bool(en):
        raise take.refuse("en" if zh else "zh", "is missing; a row's own sentence is written in both languages")
    if zh and (zh.isascii() or not en.isascii()):
        raise take.refuse("zh", "must be Chinese, and en English")
    return zh, en


def _strategy(table: _Table, row: Mapping[str, str], place: Place) -> tuple[Strategy, list[Cell]]:
    identity = f"{table.prefix}.{row['id']}"
    if not row["id"] or not ID.fullmatch(identity):
        raise BadInput(f"{place}: id is {identity!r}; use 3 to 80 of a-z 0-9 _ . -", field="id")
    cells = [table.cell(name, row[name], place) for name in table.conditions]
    texts = [cell.text for cell in cells if cell.text]
    nodes = [node for cell in cells for node in cell.nodes]
    if table.only[1] is not None:
        texts, nodes = [f"({table.only[0]})", *texts], [table.only[1], *nodes]
    if not nodes:
        raise BadInput(f"{place}: every condition of the row is empty", field="row")
    said = table.shared | {key: row[key] for key in table.own if row[key]}
    for key in ("mode", "owner", "reason"):
        if not said[key] or (key == "mode" and said[key] not in MODES):
            wanted = f"one of {', '.join(MODES)}" if key == "mode" else "text in the row or above the header"
            raise BadInput(f"{place}: {key} is {said[key]!r}; give {wanted}", field=key)
    action = table.action(said["action"], row.get("amount", ""), place)
    zh, en = (said.fill(row, action.kind, action.amount, place) if said is not None else "" for said in table.sentences)
    return Strategy(
        id=identity, owner=said["owner"], purpose=_purpose(said["purpose"], row, place),
        product=said["product"], stage=table.stage, text=" and ".join(texts),
        condition=nodes[0] if len(nodes) == 1 else And(tuple(nodes)), action=action, reason=said["reason"],
        priority=_whole("priority", said, 10_000, place), mode=said["mode"], share_ppm=_whole("share_ppm", said, PPM, place),
        arm=said["arm"], from_us=table.from_us, to_us=table.to_us, place=place, table=table.file, zh=zh, en=en,
        examples=tuple(_example(table, line, *said) for line, *said in table.tests.get(row["id"], ())),
        asked=table.asks(tuple(name for name in table.conditions if row[name])),
    ), cells  # fmt: skip


def _whole(key: str, said: Mapping[str, str], high: int, place: Place) -> int:
    text = said[key].replace("_", "")
    if not text.isdigit() or int(text) > high:
        raise BadInput(f"{place}: {key} is {text!r}; give a whole number from 0 to {high}", field=key)
    return int(text)


def _purpose(text: str, row: Mapping[str, str], place: Place) -> str:
    """The purpose with ``{column}`` replaced by the row's own cell."""
    parts = _FILLED.split(text)
    for at in range(1, len(parts), 2):
        if parts[at] not in row:
            raise BadInput(
                f"{place}: the purpose names {{{parts[at]}}}, which is no column of the table", field="purpose"
            )
        parts[at] = row[parts[at]] or "any"
    out = "".join(parts)
    if len(out) < 10:
        raise BadInput(f"{place}: purpose is {out!r}; say what the row is for", field="purpose")
    return out


def _example(table: _Table, line: int, expect: str, text: str) -> Example:
    place = Place(table.file, line)
    given: dict[str, float] = {}
    flags: dict[str, bool] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if value in ("yes", "no"):
            flags[name] = value == "yes"
            continue
        try:
            given[name] = float(value)
        except ValueError:
            raise BadInput(f"{place}: test says {part!r}; write alias=number or flag=yes", field="test") from None
        if name not in table.names.columns:
            raise BadInput(f"{place}: test names {name!r}, which is no alias of this book", field="test")
    return Example(given, flags, expect, place)
