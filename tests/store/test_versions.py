from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_jupyter.errors import ConflictError, IntegrityError, NotFoundError, RefusedError, UsageError
from mlops_jupyter.store import audit
from mlops_jupyter.store.listing import Entry, note_entry, take_listing
from mlops_jupyter.store.names import Names, names
from mlops_jupyter.store.outbox import delivered, queue_alias, queued
from mlops_jupyter.store.pins import pin_digest, pin_rows
from mlops_jupyter.store.removal import forget_version
from mlops_jupyter.store.versions import (
    check_alias,
    check_model,
    ensure_version,
    find_version,
    get_version,
    list_models,
    list_versions,
    reserve_version,
    semantic,
    set_state,
)

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store

LATER = 2**62


def digest(letter: str) -> str:
    return letter * 64


def entry(version: str, letter: str, number: int, *, complete: bool = True, model: str = "churn") -> Entry:
    created = "2026-11-20T10:15:00+00:00"
    tags = {"mlops.version": version}
    return Entry(model, version, digest(letter), None, number, complete, "/x", None, created, tags)


@pytest.fixture
def three(store: Store) -> Store:
    """Churn 1.9.0, 1.10.0 and, in part, 2.0.0; 1.9.0 is champion."""
    seen = [entry("1.9.0", "a", 1), entry("1.10.0", "b", 2), entry("2.0.0", "c", 3, complete=False)]
    take_listing(store, seen, {("churn", "champion"): 1}, LATER)
    return store


def test_a_number_belongs_to_a_content(store: Store):
    first = reserve_version(store, "churn", digest("a"), lambda known: "1.0.0")
    again = reserve_version(
        store, "churn", digest("a"), lambda known: pytest.fail("asked for a second number")
    )
    assert (first.version, again.version, first.state) == ("1.0.0", "1.0.0", "reserved")


def test_the_choice_sees_what_there_is_from_old_to_new(three: Store):
    reserve_version(three, "churn", digest("d"), lambda known: "10.0.0")
    seen = [each.version for each in list_versions(three, "churn")]
    assert seen == ["1.9.0", "1.10.0", "2.0.0", "10.0.0"]


def test_a_number_is_not_given_twice(three: Store):
    with pytest.raises(ConflictError, match=r"churn 1\.9\.0 is another package already"):
        reserve_version(three, "churn", digest("d"), lambda known: "1.9.0")


@pytest.mark.parametrize(
    ("spec", "version"), [(None, "1.10.0"), ("1.9.0", "1.9.0"), ("2", "1.10.0"), ("@champion", "1.9.0")]
)
def test_a_version_is_found_by_number_alias_or_as_the_highest(three: Store, spec: str | None, version: str):
    assert get_version(three, "churn", spec).version == version


@pytest.mark.parametrize(
    ("model", "spec", "message"),
    [
        ("chrun", None, "no model named 'chrun'; did you mean churn?"),
        ("churn", "1.9", "no version '1.9' of churn; did you mean 1.9.0"),
        ("churn", "7", "no version '7' of churn; known: 1.10.0, 1.9.0, 2.0.0"),
        ("churn", "@champ", "no alias 'champ' of churn; did you mean champion?"),
    ],
)
def test_an_unknown_name_lists_the_nearest(three: Store, model: str, spec: str | None, message: str):
    with pytest.raises(NotFoundError) as failure:
        get_version(three, model, spec)
    assert str(failure.value).startswith(message)


def test_what_is_registered_in_part_is_refused_with_the_remedy(three: Store):
    with pytest.raises(RefusedError, match=r"2\.0\.0 is registered in part.*%mlops register churn again"):
        get_version(three, "churn", "2.0.0")


def test_what_is_only_packaged_is_refused_with_the_remedy(store: Store):
    reserve_version(store, "churn", digest("a"), lambda known: "1.0.0")
    set_state(store, "churn", "1.0.0", "packaged", package_path=Path("/x"))
    with pytest.raises(RefusedError, match=r"1\.0\.0 is not registered; run %mlops register churn"):
        get_version(store, "churn")
    assert find_version(store, "churn").package_path == Path("/x")


def test_packaging_again_does_not_take_a_registration_back(three: Store):
    assert set_state(three, "churn", "1.9.0", "packaged", package_path=Path("/y")).state == "registered"


def test_a_package_from_elsewhere_takes_a_number_that_was_only_reserved(three: Store):
    ensure_version(three, "churn", "3.0.0", digest("d"))
    ensure_version(three, "churn", "3.0.0", digest("e"))
    assert find_version(three, "churn", "3.0.0").digest == digest("e")
    with pytest.raises(ConflictError, match=r"1\.9\.0 is another package already"):
        ensure_version(three, "churn", "1.9.0", digest("e"))


def test_a_listing_forgets_what_left_the_registry(three: Store, tmp_path: Path):
    set_state(three, "churn", "1.10.0", "registered", package_path=tmp_path)
    take_listing(three, [], {}, LATER)
    left = find_version(three, "churn", "1.10.0")
    assert [each.version for each in list_versions(three)] == ["1.10.0"]
    assert (left.state, left.registry_version) == ("packaged", None)


def test_a_listing_does_not_undo_what_was_done_after_it_began(three: Store):
    take_listing(three, [entry("1.9.0", "f", 1)], {("churn", "champion"): 2}, began=0)
    assert find_version(three, "churn", "1.9.0").digest == digest("a")
    assert len(list_versions(three)) == 3
    assert find_version(three, "churn", "@champion").version == "1.9.0"


def test_of_two_registered_under_one_number_the_first_has_it(store: Store):
    take_listing(store, [entry("1.0.0", "a", 1), entry("1.0.0", "b", 2)], {}, LATER)
    assert [each.digest for each in list_versions(store)] == [digest("a")]


def test_a_content_that_bears_another_number_in_the_registry_takes_that_one(store: Store):
    reserve_version(store, "churn", digest("a"), lambda known: "1.0.0")
    note_entry(store, entry("1.3.0", "a", 4))
    assert [each.version for each in list_versions(store)] == ["1.3.0"]


def test_an_alias_that_waits_to_be_moved_is_moved_in_the_mirror(three: Store):
    queue_alias(three, "churn", "champion", "1.10.0")
    take_listing(three, [entry("1.9.0", "a", 1), entry("1.10.0", "b", 2)], {("churn", "champion"): 1}, LATER)
    assert find_version(three, "churn", "@champion").version == "1.10.0"
    assert [(each.alias, each.registry_version) for each in queued(three)] == [("champion", 2)]


def test_the_last_wish_for_an_alias_wins(three: Store):
    queue_alias(three, "churn", "champion", "1.10.0")
    (old,) = queued(three)
    queue_alias(three, "churn", "champion", None)
    delivered(three, old)
    (item,) = queued(three)
    assert item.registry_version is None
    delivered(three, item)
    assert queued(three) == []


@pytest.mark.parametrize("alias", ["latest", "v3", "V3", "", "a b", "a/b", "x" * 256])
def test_what_mlflow_refuses_as_an_alias_is_refused_first(alias: str):
    with pytest.raises(UsageError, match="cannot be an alias"):
        check_alias(alias)


@pytest.mark.parametrize("model", ["../x", "", "a/b", "a:b", "a b", ".x", "-x", "x" * 101, "$(rm -rf x)"])
def test_a_name_that_cannot_be_a_folder_is_refused(store: Store, model: str):
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        reserve_version(store, model, digest("a"), lambda known: "1.0.0")
    assert check_model("churn-2.b_c") == "churn-2.b_c"


@given(st.tuples(*[st.integers(0, 10**6)] * 3), st.tuples(*[st.integers(0, 10**6)] * 3))
def test_versions_sort_as_their_numbers(one: tuple[int, int, int], other: tuple[int, int, int]):
    texts = [".".join(map(str, each)) for each in (one, other)]
    assert (semantic(texts[0]) < semantic(texts[1])) == (one < other)


@example("0.0.1\u0f20")
@given(st.text(max_size=12) | st.from_regex(r"\d{1,2}\.\d{1,2}\.\d{1,2}"))
def test_a_text_is_a_version_or_refused(text: str):
    try:
        parts = semantic(text)
    except UsageError:
        numbers = [part for part in text.split(".") if part.isascii() and part.isdecimal()]
        assert [str(int(part)) for part in numbers] != text.split(".") or len(numbers) != 3
    else:
        assert ".".join(map(str, parts)) == text


def test_names_are_there_for_completion_after_every_change(three: Store):
    root = three.workspace.root
    assert names(root).versions == {"churn": ["2.0.0", "1.10.0", "1.9.0"]}
    queue_alias(three, "churn", "challenger", "1.10.0")
    assert sorted(names(root).aliases["churn"]) == ["challenger", "champion"]
    assert list_models(three) == ["churn"]


def test_names_never_fail(tmp_path: Path):
    assert names(tmp_path / "nowhere") == Names()
    (tmp_path / "names.json").write_text("[1")
    (tmp_path / "deployments" / "churn").mkdir(parents=True)
    (tmp_path / "deployments" / "churn" / "deployment.json").touch()
    assert names(tmp_path) == Names(deployments=("churn",))


def test_a_version_is_held_to_the_content_it_was_first_seen_with(store: Store):
    assert pin_digest(store, "churn", "1.0.0", digest("a"), result="pinned on first use")
    assert not pin_digest(store, "churn", "1.0.0", digest("a"))
    with pytest.raises(IntegrityError, match=r"churn 1\.0\.0 is not the package it was.*bbbb.*aaaa"):
        pin_digest(store, "churn", "1.0.0", digest("b"))
    (record,) = audit.records(store)
    assert (record.verb, record.result) == ("pin", "pinned on first use")
    assert record.arguments["digest"] == digest("a")


def test_another_registry_has_versions_of_its_own(store: Store):
    pin_digest(store, "churn", "1.0.0", digest("a"), registry="http://one")
    assert pin_digest(store, "churn", "1.0.0", digest("b"), registry="http://two")


def test_a_pin_that_points_to_another_record_is_seen(store: Store):
    pin_digest(store, "churn", "1.0.0", digest("a"))
    pin_digest(store, "churn", "1.1.0", digest("b"))
    with store.begin() as connection:
        connection.execute(pin_rows.update().values(record=2))
    with pytest.raises(IntegrityError, match="record 2 of the audit log was changed"):
        pin_digest(store, "churn", "1.0.0", digest("b"))


def test_what_is_forgotten_frees_its_number_on_the_record(three: Store):
    pin_digest(three, "churn", "1.9.0", digest("a"))
    queue_alias(three, "churn", "challenger", "1.9.0")
    forget_version(three, "", find_version(three, "churn", "1.9.0"))
    assert queued(three) == []
    assert pin_digest(three, "churn", "1.9.0", digest("z"))
    assert [each.verb for each in reversed(audit.records(three))] == ["pin", "unpin", "pin"]
