"""Settings: pyinfra's own precedence, typed values, one clear line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrapper.inventory import (
    InventoryError,
    check_settings,
    load_inventory,
    override_from_blog,
    parse_override,
)
from deploys.settings import SAMPLE_BLOG, Settings, SettingsError, is_git_url, parse_settings


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        path = directory / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory / "hosts.py"


def ports(inventory: Path, *, overrides: dict[str, object] | None = None) -> dict[str, int]:
    loaded = load_inventory(inventory, overrides or {}, ())
    return {name: values.blog_port for name, values in check_settings(loaded).items()}


def test_precedence_is_override_host_group_all(tmp_path: Path) -> None:
    inventory = write(
        tmp_path,
        hosts="web = [('@fake/a', {'blog_port': 4003}), '@fake/b']\nplain = ['@fake/c']",
        group_data__all="blog_port = 4001",
        group_data__web="blog_port = 4002",
    )
    assert ports(inventory) == {"@fake/a": 4003, "@fake/b": 4002, "@fake/c": 4001}
    assert set(ports(inventory, overrides={"blog_port": 4004}).values()) == {4004}


def test_group_data_is_found_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = write(tmp_path, hosts="web = ['@fake/a']", group_data__all="blog_port = 4007")
    monkeypatch.chdir("/")
    assert ports(inventory) == {"@fake/a": 4007}


def test_the_sample_site_is_the_default() -> None:
    assert Path(parse_settings("m", {}).blog) == SAMPLE_BLOG
    assert (SAMPLE_BLOG / "_config.yml").is_file()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"blog_prot": 4001}, "m: unknown setting 'blog_prot'; did you mean 'blog_port'?"),
        ({"blog_port": "4001"}, "m: setting blog_port = '4001': input should be a valid integer"),
        ({"blog_port": 80}, "m: setting blog_port = 80: input should be greater than or equal"),
        ({"container_memory": "lots"}, "m: setting container_memory = 'lots'"),
        ({"base_images": "cloud"}, "m: setting base_images = 'cloud': input should be 'auto'"),
        ({"without_plugins": ["a b"]}, "m: setting without_plugins = 'a b'"),
        ({"builder_image": "$(reboot)"}, "m: setting builder_image"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_place_and_mend(
    data: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError) as error:
        parse_settings("m", data)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_keys_of_pyinfra_itself_pass_by() -> None:
    assert parse_settings("m", {"ssh_user": "ada", "_sudo": True}) == Settings()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("blog_port=4001", 4001),
        ("docker_group=yes", True),
        ("without_plugins=a, b", ["a", "b"]),
        ("container_memory=1g", "1g"),
    ],
)
def test_set_takes_values_as_the_setting_has_them(text: str, value: object) -> None:
    assert parse_override(text) == (text.partition("=")[0], value)


@pytest.mark.parametrize(
    "text", ["blog_port", "blog_port=x", "docker_group=2", "nothing=1", "=", ""]
)
def test_a_wrong_set_is_one_line(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_override(text)
    assert "\n" not in str(error.value)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_any_data_gives_settings_or_one_line(data: dict[str, object]) -> None:
    said = ""
    try:
        parse_settings("m", data)
    except SettingsError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machines = ['@local'", "line 1"),
        ("x = 1\nmachines = [y]", "line 2: NameError: name 'y' is not defined"),
        ("machines = []", "no machine in it"),
        ("machines = ['@nonsense/x']", "nonsense"),
    ],
)
def test_a_wrong_inventory_is_one_line_that_names_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    inventory = write(tmp_path, hosts=text)
    with pytest.raises(InventoryError) as error:
        load_inventory(inventory, {}, ())
    assert said in str(error.value)
    assert str(inventory) in str(error.value)
    assert "\n" not in str(error.value)


def test_limit_keeps_machines_by_name_pattern_or_group(tmp_path: Path) -> None:
    inventory = write(tmp_path, hosts="web = ['@fake/a', '@fake/b']\ndb = ['@fake/c']")

    def names(*limit: str) -> set[str]:
        return {host.name for host in load_inventory(inventory, {}, limit)}

    assert names("db") == {"@fake/c"}
    assert names("@fake/[ab]") == {"@fake/a", "@fake/b"}
    with pytest.raises(InventoryError, match="matches none of @fake/a, @fake/b, @fake/c"):
        names("mail")


def test_a_blog_is_a_directory_or_a_git_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my blog").mkdir()
    assert override_from_blog("my blog") == str(tmp_path / "my blog")
    assert override_from_blog("git@host.example:me/blog.git") == "git@host.example:me/blog.git"
    assert is_git_url("https://host.example/me/blog.git#main:docs")
    assert not is_git_url("C:blog")
    with pytest.raises(InventoryError, match="--blog nowhere: no such directory"):
        override_from_blog("nowhere")
