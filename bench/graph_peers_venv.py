"""The peers of the graph bench in a virtual environment of their own: igraph is GPL and no part of what we ship."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from indicators_runs import SideFailedError

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
PACKAGES = ("igraph", "networkit", "python-graphblas", "suitesparse-graphblas", "numpy", "scipy")


def peers_python(folder: Path) -> str:
    """The Python that has them; installed on first use."""
    venv = folder / "graph-peers"
    python = venv / "bin" / "python"
    done = venv / ".installed"
    if not done.is_file():
        print("installing igraph, networkit and graphblas into a virtual environment of their own", file=sys.stderr)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(CONSTRAINTS)]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
            subprocess.run([*pip, *PACKAGES], check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise SideFailedError(f"the peers could not be installed: {str(error.stderr).strip()[-200:]}") from error
        done.touch()
    return str(python)
