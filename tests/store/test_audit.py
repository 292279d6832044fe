from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import WorkspaceError
from mlops_jupyter.store import audit
from mlops_jupyter.store.masking import MASK, masked, masked_text

if TYPE_CHECKING:
    from mlops_jupyter.store.database import Store


def tamper(store: Store, *statements: str) -> None:
    """Change the log as somebody with an editor for SQLite would."""
    with closing(sqlite3.connect(store.workspace.database)) as connection:
        for trigger in ("audit_log_no_update", "audit_log_no_delete"):
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def filled(store: Store) -> Store:
    for number in range(5):
        audit.begin(store, "deploy", {"number": number})
    return store


def test_a_verb_leaves_its_beginning_and_its_end(store: Store):
    begun = audit.begin(store, "deploy", {"model": "churn"})
    audit.finish(store, begun, "churn 1.0.0 serves", "done")
    last, first = audit.records(store)
    assert (first.outcome, first.arguments, first.begun) == ("begun", {"model": "churn"}, None)
    assert (last.outcome, last.result, last.begun) == ("done", "churn 1.0.0 serves", 1)
    assert first.who
    assert first.host
    assert first.at.endswith("+00:00")


def test_records_are_linked_by_hash(filled: Store):
    entries = list(reversed(audit.records(filled)))
    assert [each.previous for each in entries] == [audit.START, *(each.hash for each in entries[:-1])]
    assert audit.verify_chain(filled).head == entries[-1].hash


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET result = 'x'", "DELETE FROM audit_log"])
def test_the_database_refuses_changes(filled: Store, statement: str):
    with pytest.raises(WorkspaceError, match="append-only"), filled.begin() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize("column", ["at", "who", "host", "verb", "arguments", "outcome", "result"])
def test_a_changed_record_is_named(filled: Store, column: str):
    tamper(filled, f"UPDATE audit_log SET {column} = '{{}}!' WHERE number = 3")
    report = audit.verify_chain(filled)
    assert (report.whole, report.broken, report.why) == (False, 3, "record 3 was changed")


def test_a_changed_record_with_a_new_hash_breaks_the_next(filled: Store):
    tamper(filled, f"UPDATE audit_log SET result = 'x', hash = '{'0' * 64}' WHERE number = 3")
    assert audit.verify_chain(filled).broken == 3


def test_a_removed_record_is_named(filled: Store):
    tamper(filled, "DELETE FROM audit_log WHERE number = 2")
    assert audit.verify_chain(filled).why == "record 2 is gone"


def test_a_tail_that_was_cut_is_seen(filled: Store):
    tamper(filled, "DELETE FROM audit_log WHERE number > 3")
    report = audit.verify_chain(filled)
    assert (report.broken, report.why) == (4, "the records 4 to 5 are gone")


def test_a_record_added_by_hand_is_seen(filled: Store):
    columns = "at, who, host, pid, verb, begun, arguments, outcome, result, previous, hash"
    tamper(filled, f"INSERT INTO audit_log SELECT 6, {columns} FROM audit_log WHERE number = 5")
    assert audit.verify_chain(filled).broken == 6


def test_an_empty_log_is_whole(store: Store):
    assert audit.verify_chain(store).whole


def test_the_last_records_come_first(filled: Store):
    assert [each.number for each in audit.records(filled, 2)] == [5, 4]


def test_secrets_do_not_reach_the_log(store: Store):
    arguments = {
        "model": "churn",
        "api_key": "s3cr3t",
        "Password": "s3cr3t",
        "credentials": ["s3cr3t"],
        "nested": {"access_token": "s3cr3t", "rows": 3},
        "uri": "postgresql://me:s3cr3t@host/db",
        "call": "https://host/x?token=s3cr3t&rows=3",
        "reason": "since MY_SECRET='s3cr3t' changed",
    }
    entry = audit.begin(store, "deploy", arguments)
    audit.finish(store, entry, "failed at https://me:s3cr3t@host/")
    assert b"s3cr3t" not in store.workspace.database.read_bytes()
    assert all("s3cr3t" not in str(each) for each in audit.records(store))
    assert entry.arguments["nested"] == {"access_token": MASK, "rows": 3}
    assert entry.arguments["uri"] == "postgresql://***@host/db"
    assert entry.arguments["call"] == "https://host/x?token=***&rows=3"


def test_objects_are_named_by_their_type_and_texts_are_cut():
    assert masked({"frame": object()}) == {"frame": "<object>"}
    assert len(masked_text("x" * 100_000)) < 2100


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner)),
    )
)
def test_whatever_is_masked_can_be_hashed(arguments: dict[str, object]):
    assert audit.canonical(masked(arguments)) == audit.canonical(masked(masked(arguments)))
