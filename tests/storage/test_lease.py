"""A lease has one holder at a time, and none for long after its holder died."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest

from daypart.storage.files import write_json, write_text
from daypart.storage.lease import Holder, Lease, holder_of
from daypart.storage.location import location


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.server)])
def file(request, tmp_path):
    if request.param == "disk":
        return tmp_path / "driver.lock"
    return location(request.getfixturevalue("bucket")) / "run" / "driver.lock"


def test_a_second_process_learns_the_holder_until_the_first_releases_the_lease(file):
    first, second = Lease(file), Lease(file)
    assert first.take() is None
    assert second.take() == holder_of(file)
    assert str(holder_of(file)).startswith("process ")
    first.release()
    assert holder_of(file) is None
    assert second.take() is None
    second.release()


def test_one_of_many_that_take_the_lease_at_once_gets_it(file):
    leases = [Lease(file) for _ in range(6)]
    barrier, got = threading.Barrier(6), []

    def take(lease: Lease) -> None:
        barrier.wait()
        if lease.take() is None:
            got.append(lease)

    threads = [threading.Thread(target=take, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].release()


def test_a_lease_is_renewed_while_its_holder_lives(file):
    lease = Lease(file, seconds=1.5)
    assert lease.take() is None
    before = holder_of(file)
    time.sleep(2.0)
    assert holder_of(file).renewed > before.renewed
    assert Lease(file).take() is not None
    lease.release()


def test_a_lease_that_was_not_renewed_in_time_is_free(file):
    elsewhere = replace(Holder.this_process(30.0), namespace="another machine")
    write_json(file, asdict(replace(elsewhere, renewed=time.time() - 5)))
    assert 20 < holder_of(file).seconds_left() < 26
    write_json(file, asdict(replace(elsewhere, renewed=time.time() - 31)))
    assert holder_of(file) is None
    lease = Lease(file)
    assert lease.take() is None
    lease.release()


def test_the_lease_of_a_process_killed_on_this_machine_is_free_at_once(file):
    code = (
        "import sys, time\n"
        "from daypart.storage.lease import Lease; from daypart.storage.location import location\n"
        "assert Lease(location(sys.argv[1])).take() is None\n"
        "print('taken', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "taken\n"
    assert Lease(file).take() is not None
    process.kill()
    process.wait()
    lease = Lease(file)
    assert lease.take() is None
    lease.release()


def test_a_holder_considered_dead_learns_of_its_loss_and_leaves_the_new_holder_alone(file):
    lost = threading.Event()
    first = Lease(file, on_lost=lost.set, seconds=0.5)
    assert first.take() is None
    second = Holder.this_process(30.0)
    write_json(file, asdict(second))
    assert lost.wait(10)
    first.release()
    assert holder_of(file) == second


def test_a_file_without_a_holder_is_free(file):
    write_text(file, "not JSON")
    lease = Lease(file)
    assert lease.take() is None
    lease.release()
