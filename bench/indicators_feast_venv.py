"""Feast in a virtual environment of its own: it caps pandas, and the lender's environment should not care."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from indicators_runs import SideFailedError

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def feast_python(folder: Path) -> str:
    """The Python that has Feast; installed on first use."""
    venv = folder / "feast-venv"
    python = venv / "bin" / "python"
    done = venv / ".installed"
    if not done.is_file():
        print("installing Feast into a virtual environment of its own", file=sys.stderr, flush=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(CONSTRAINTS)]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
            subprocess.run([*pip, "feast[duckdb]", "psutil"], check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise SideFailedError(f"Feast could not be installed: {str(error.stderr).strip()[-200:]}") from error
        done.touch()
    return str(python)
