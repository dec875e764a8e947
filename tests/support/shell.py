"""`dandelion` as a shell would call it, within the process of the test."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from dandelion.app.cli import main


class Shell:
    """Runs `dandelion` in this process: (exit code, stdout, stderr)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["dandelion", *map(str, words)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self._capsys.readouterr()
        return int(end.value.code or 0), out, err

    def json(self, *words: object) -> Any:
        code, out, err = self(*words, "--json")
        assert code == 0, err
        lines = out.splitlines()
        assert len(lines) == 1, "with --json, stdout is exactly one line"
        return json.loads(lines[-1])
