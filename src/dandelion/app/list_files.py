"""The lists of a workspace changed from outside: imported whole, added to and taken from live.  Every change is audited.

What is written are files in `lists/`; a running house takes them up by itself (`refreshing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dandelion.app.house import House
from dandelion.core import NotFound
from dandelion.policy import TERMS, Declared, Entry, Lists, declared_in, digest_of, key_id, read_entry
from dandelion.policy.listfile import ADD, REMOVE, SUFFIX, Change, PackedList, append, import_file, live_file
from dandelion.vault import Actor, Detail

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """One list as it stands; `file_bytes` of its file, `changes` made live since."""

    name: str
    colour: str
    kinds: tuple[str, ...]
    entries: int
    changes: int
    file: Path
    file_bytes: int
    hash: str


def import_list(house: House, name: str, file: Path, actor: Actor, tell: Tell = lambda _rows: None) -> PackedList:
    """Replace a list by the rows of `file` (see `policy.listfile.import_file`); its live changes end with it.

    Errors: NotFound, BadInput naming the row; the list then stays as it was.
    """
    folder = _folder(house)
    one, was = _declared(house, name)
    packed = import_file(file, folder, name, one.kinds, house.list_key, tell)
    live_file(folder, name).unlink(missing_ok=True)
    _point(folder / "lists.yaml", one, packed.file.name, was, key_id(house.list_key))
    if one.file.suffix == SUFFIX and one.file != packed.file:
        one.file.unlink(missing_ok=True)  # decisions made from it find it in the archive
    detail: Detail = {"list": name, "rows": packed.rows, "sha256": packed.hash}
    with house.vault.unit_of_work(house.tenant) as work:
        work.audit(actor, "list.imported", f"list:{name}", detail)
    return packed


def change_list(house: House, name: str, kind: str, value: str, terms: Mapping[str, str] | None, actor: Actor) -> Path:
    """Add an entry (with `terms`: reason, source, added, expires, confidence_ppm) or, without, take the key off, now.

    The audit keeps the list, never the value.  Errors: NotFound, BadInput.
    """
    folder = _folder(house)
    one, was = _declared(house, name)
    digest = digest_of(house.list_key, kind, value.strip())
    if terms is not None:
        read_entry(terms, f"list {name}")
    change = ADD if terms is not None else REMOVE
    texts = tuple((terms or {}).get(column, "") for column in TERMS)
    file = append(folder, name, one.kinds, [Change(change, kind, digest, texts)])
    _point(folder / "lists.yaml", one, one.file.name, was, key_id(house.list_key))
    with house.vault.unit_of_work(house.tenant) as work:
        work.audit(actor, f"list.{change}", f"list:{name}", {"list": name, "key_sha256": digest.hex()[:8]})
    return file


def show(house: House) -> list[Shown]:
    """Every list of the workspace."""
    lists = Lists.load(_folder(house), house.list_key)
    declared, _ = declared_in(_folder(house))
    return [
        Shown(
            name, one.colour, tuple(sorted(one.kinds)), len(one.entries), one.changes, declared[name].file,
            declared[name].file.stat().st_size, one.hash,
        )
        for name, one in lists.by_name.items()
    ]  # fmt: skip


def said(house: House, name: str, kind: str, value: str) -> list[Entry]:
    """Everything a list says about one value, expired entries too."""
    one = Lists.load(_folder(house), house.list_key).by_name
    if name not in one:
        raise NotFound(f"there is no list {name!r}; there are {', '.join(one)}", field="list")
    return list(one[name].entries.find(digest_of(house.list_key, kind, value.strip())))


def check(house: House) -> list[str]:
    """Read every file to its end; a sentence for each thing that is wrong."""
    lists = Lists.load(_folder(house), house.list_key)
    declared, _ = declared_in(_folder(house))
    wrong = []
    for name in lists.by_name:
        if declared[name].file.suffix == SUFFIX:
            wrong += PackedList.open(declared[name].file).check()
    return wrong


def _folder(house: House) -> Path:
    return house.settings.root / "lists"


def _declared(house: House, name: str) -> tuple[Declared, str]:
    found, was = declared_in(_folder(house))
    if name not in found:
        raise NotFound(f"there is no list {name!r} in lists/lists.yaml; there are {', '.join(found)}", field="list")
    return found[name], was


def _point(file: Path, one: Declared, to: str, was: str, now: str) -> None:
    """Let lists.yaml name the list's new file and the key (in quotes: it may be all digits); comments and order stay."""
    lines = file.read_text("utf-8").splitlines(keepends=True)
    lines[one.line - 1] = re.sub(rf"(file:\s*[\"']?){re.escape(one.file.name)}", rf"\g<1>{to}", lines[one.line - 1])
    text = "".join(lines)
    if not was:
        text = re.sub(r"^lists:", f'key_id: "{now}"\nlists:', text, count=1, flags=re.MULTILINE)
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(text, "utf-8")
    draft.replace(file)
