"""A link in a store empties no folder elsewhere, and a message shows no password."""

from __future__ import annotations

import pytest

from daypart.errors import DaypartError
from daypart.storage.location import location
from daypart.viewing.reading.workspace import open_workspace


def opened(store):
    with open_workspace(store, memory="100MB", threads=1, key=b"k" * 32):
        pass


def test_an_ingest_empties_no_folder_that_its_own_links_to(tmp_path):
    elsewhere, store = tmp_path / "elsewhere", tmp_path / "store"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("years of work")
    store.mkdir()
    (store / ".ingest").symlink_to(elsewhere)
    with pytest.raises(DaypartError, match=r"\.ingest: is a link"):
        opened(store)
    assert [file.name for file in elsewhere.iterdir()] == ["thesis.txt"]


def test_a_linked_lock_truncates_no_other_file(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "store" / ".ingest").mkdir(parents=True)
    (tmp_path / "store" / ".ingest" / "lock").symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(DaypartError, match="lock: is a link"):
        opened(tmp_path / "store")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_interrupted_ingest_leaves_no_link_and_follows_none(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "store" / ".ingest"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("years of work")
    folder.mkdir(parents=True)
    (folder / "spill").symlink_to(elsewhere)
    opened(tmp_path / "store")
    assert (elsewhere / "thesis.txt").exists()
    assert not folder.exists()


@pytest.mark.parametrize("user", ["me:s3cret@", "s3cret@", "me:a@s3cret@"])
def test_a_uri_that_is_refused_shows_no_password(user):
    with pytest.raises(DaypartError, match="is not supported") as refused:
        location(f"https://{user}host/store")
    assert "s3cret" not in str(refused.value)
