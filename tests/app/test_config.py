from pathlib import Path

import pytest

from dandelion.app import workspace
from dandelion.app.clocks import MovedClock
from dandelion.app.config import Settings
from dandelion.app.house import House
from dandelion.core import DAY_US, BadInput


def write(root: Path, text: str) -> Path:
    (root / "dandelion.toml").write_text(text)
    return root


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    settings = Settings.load(write(tmp_path, ""))
    assert settings.server.port == 8310
    assert settings.database_url == f"sqlite:///{tmp_path.resolve()}/state/record.sqlite"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[servr]\n", "servr"),
        ("[server]\nprot = 1\n", "server.prot"),
        ('[server]\nport = "x"\n', "server.port"),
        ("=", "dandelion.toml"),
    ],
)
def test_a_misspelt_setting_is_refused_by_name(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(BadInput) as error:
        Settings.load(write(tmp_path, text))
    assert error.value.field == field


def test_a_folder_without_settings_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="dandelion init"):
        Settings.load(tmp_path)


def test_the_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings.load(write(tmp_path, ""))
    assert settings.secret() == settings.secret()
    assert len(settings.secret()) == 64
    assert (tmp_path / "state/secret").stat().st_mode & 0o077 == 0


def test_a_moved_clock_survives_a_restart_and_only_goes_forward(tmp_path: Path) -> None:
    clock = MovedClock(tmp_path / "clock.json", start_us=10 * DAY_US)
    clock.move_to(20 * DAY_US)
    again = MovedClock(tmp_path / "clock.json")
    assert again.now() >= 20 * DAY_US
    with pytest.raises(BadInput):
        again.move_to(15 * DAY_US)


def test_a_rail_that_does_not_exist_is_refused_not_ignored(tmp_path: Path) -> None:
    root = tmp_path / "house"
    workspace.init(root)
    file = root / "dandelion.toml"
    file.write_text(file.read_text().replace('faults = "none"', 'faults = "ruff"'))
    with pytest.raises(BadInput) as error:
        House.open(root)
    assert error.value.field == "rail"
