"""What decisions were made from, kept under its own hash: books, lists, product terms, packs, definitions.

A decision names hashes; replay finds here exactly what was in force, whatever the workspace holds today.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dandelion.core import NotFound

LINKED = ".list"  # packed lists: large, named by their content, never written twice


class Archive:
    """Folders `root/<what>/<hash>/`; written once, never changed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, what: str, content_hash: str, files: Mapping[str, bytes | Path]) -> Path:
        """Keep `files` (by relative path; content, or a file to link to) under their hash; the same again changes nothing."""
        home = self.root / what / content_hash
        if home.exists():
            return home
        home.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home.parent))
        for name, data in files.items():
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(data, Path):
                _link(data, target)
            else:
                target.write_bytes(data)
        try:
            draft.rename(home)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not home.exists():  # another process kept the same first
                raise
        return home

    def keep_folder(self, what: str, content_hash: str, folder: Path, index: Mapping[str, str] | None = None) -> Path:
        """Keep a folder's files; `index` (part -> hash) lets a replay name the part that was altered.

        Packed lists, which never change, are linked rather than copied where the file system allows it.
        """
        files: dict[str, bytes | Path] = {
            str(path.relative_to(folder)): path if path.suffix == LINKED else path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".draft"
        }
        if index is not None:
            files["index.json"] = json.dumps(dict(index), sort_keys=True).encode()
        return self.keep(what, content_hash, files)

    def find(self, what: str, content_hash: str) -> Path:
        """The folder kept under a hash.  Errors: NotFound."""
        home = self.root / what / content_hash
        if not home.is_dir():
            raise NotFound(f"the archive holds no {what} {content_hash[:12]}", field=what)
        return home


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
