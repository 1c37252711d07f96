"""Which formulae can be taken back: ours, what came with them, and nothing that is needed."""

from __future__ import annotations

from deploys.facts.homebrew_receipts import HomebrewReceipts, Keg
from deploys.unneeded import Ours, removable

NONE: frozenset[str] = frozenset()


def kegs(**needs: str) -> dict[str, Keg]:
    """`name="what it needs"`; a name in capitals was asked for."""
    return {
        name.lower(): Keg(name.lower(), frozenset(text.split()), on_request=name.isupper())
        for name, text in needs.items()
    }


def test_what_came_along_goes_too_dependents_first() -> None:
    there = kegs(COLIMA="lima qemu", lima="qemu", qemu="")
    assert removable(there, [Ours("colima", NONE)]) == {"colima": ("lima", "qemu")}


def test_what_was_there_before_stays() -> None:
    there = kegs(COLIMA="lima", lima="")
    assert removable(there, [Ours("colima", frozenset({"lima"}))]) == {"colima": ()}


def test_what_the_user_has_asked_for_stays() -> None:
    there = kegs(COLIMA="lima", LIMA="")
    assert removable(there, [Ours("colima", NONE)]) == {"colima": ()}


def test_what_another_formula_needs_by_now_stays_and_so_does_all_it_needs() -> None:
    there = kegs(RUBY="yaml ssl", yaml="", ssl="certs", certs="", THEIRS="ssl certs")
    assert removable(there, [Ours("ruby", NONE)]) == {"ruby": ("yaml",)}
    needed = kegs(RUBY="yaml", yaml="", THEIRS="ruby yaml")
    assert removable(needed, [Ours("ruby", NONE)]) == {}


def test_what_several_of_ours_have_brought_goes_with_the_last_of_them() -> None:
    there = kegs(A="common", B="common", common="")
    newest_first = [Ours("b", frozenset({"a", "common"})), Ours("a", NONE)]
    assert removable(there, newest_first) == {"b": (), "a": ("common",)}
    both_new = [Ours("b", NONE), Ours("a", NONE)]
    assert removable(there, both_new) == {"b": (), "a": ("common",)}


def test_one_of_ours_that_an_older_one_needs_goes_along_with_that() -> None:
    there = kegs(COLIMA="lima qemu", LIMA="qemu", qemu="")
    newest_first = [Ours("lima", frozenset({"colima"})), Ours("colima", NONE)]
    assert removable(there, newest_first) == {"colima": ("lima", "qemu")}
    oldest_last = [Ours("colima", frozenset({"lima", "qemu"})), Ours("lima", NONE)]
    assert removable(there, oldest_last) == {"colima": (), "lima": ("qemu",)}


def test_what_is_held_stays_with_all_that_it_needs() -> None:
    there = kegs(COLIMA="lima", lima="", DOCKER="")
    ours = [Ours("docker", NONE), Ours("colima", NONE)]
    assert removable(there, ours, held={"colima", "docker"}) == {}


def test_what_is_gone_already_is_passed_over() -> None:
    assert removable(kegs(JQ=""), [Ours("jq", NONE), Ours("tree", NONE)]) == {"jq": ()}


def test_receipts_are_read_and_one_that_says_nothing_counts_as_asked_for() -> None:
    found = HomebrewReceipts().process(
        [
            'Cellar/jq/1.8/INSTALL_RECEIPT.json\t{"installed_on_request":false,"time":7,'
            '"runtime_dependencies":[{"full_name":"user/tap/oniguruma"}],'
            '"source":{"tap":"user/tap"}}',
            "Cellar/odd/1/INSTALL_RECEIPT.json\tno JSON",
            'Caskroom/rectangle/.metadata/INSTALL_RECEIPT.json\t{"source":{"tap":"homebrew/cask"}}',
            "app\tCaskroom/rectangle/0.9/Rectangle.app",
            "place\tetc/openssl@3",
        ]
    )
    assert found.kegs["jq"] == Keg("jq", frozenset({"oniguruma"}), False, "user/tap", 7.0)
    assert found.kegs["odd"] == Keg("odd")
    assert found.casks == {"rectangle": "homebrew/cask"}
    assert found.apps == {"rectangle": frozenset({"Rectangle.app"})}
    assert found.places == {"etc/openssl@3"}
