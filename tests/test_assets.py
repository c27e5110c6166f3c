"""Shipped files are found by name, a user's own by path, and nothing else is made up."""

import pytest

from histo import assets
from histo.errors import BundleError, ConfigError


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A shipped folder with two bundles, one of them without a card, and two configurations."""
    for name in ("one", "two"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "configs").mkdir(exist_ok=True)
        (tmp_path / "configs" / f"{name}.yaml").write_text("name: x", encoding="utf-8")
    (tmp_path / "models" / "two" / "card.yaml").write_text("name: two", encoding="utf-8")
    monkeypatch.setattr(assets, "shipped", lambda kind: tmp_path / kind)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_only_folders_with_a_card_are_bundles(house):
    assert assets.bundle_names() == ["two"]


def test_a_bundle_is_found_by_name_and_by_path(house):
    folder = house / "models" / "two"
    assert assets.bundle_path("two") == folder
    assert assets.bundle_path(folder) == folder
    assert assets.bundle_path(str(folder)) == folder


def test_a_folder_of_the_user_wins_over_a_shipped_name(house):
    (house / "two").mkdir()
    (house / "two" / "card.yaml").write_text("name: mine", encoding="utf-8")
    assert assets.bundle_path("two").resolve() == house / "two"


@pytest.mark.parametrize("name", ["three", "one", "deep/folder/three"])
def test_no_such_bundle_names_those_there_are(house, name):
    with pytest.raises(BundleError) as caught:
        assets.bundle_path(name)
    last = name.rpartition("/")[2]
    assert str(caught.value) == (
        f"no bundle '{last}': expected a folder with a card.yaml or a shipped name (two)."
    )


def test_no_bundle_at_all_says_none(house):
    (house / "models" / "two" / "card.yaml").unlink()
    with pytest.raises(BundleError, match=r"a shipped name \(none\)"):
        assets.bundle_path("two")


def test_a_configuration_is_found_by_name_and_by_path(house):
    file = house / "configs" / "one.yaml"
    assert assets.config_path("one") == file
    assert assets.config_path(file) == file


def test_no_such_configuration_names_those_there_are(house):
    with pytest.raises(ConfigError, match=r"no configuration 'three': .* one of one, two\.$"):
        assets.config_path("three")


@pytest.mark.parametrize("kind", ["configs", "data_manifests"])
def test_the_checkout_holds_what_ships(kind):
    assert assets.shipped(kind).is_dir()


def test_every_shipped_configuration_can_be_found_by_its_name():
    for file in assets.shipped("configs").glob("*.yaml"):
        assert assets.config_path(file.stem) == file
