"""Prices: the packaged table, the user's own, and what Amazon's APIs say, by their own models."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from daypart import prices
from daypart.cli.main import daypart_command
from daypart.engine.costs.prices.price_apis import PriceClients
from daypart.engine.costs.prices.price_table import read_prices
from daypart.errors import DaypartError

boto3 = pytest.importorskip("boto3")
stub = pytest.importorskip("botocore.stub")

KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
NOW = datetime.now(UTC)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "configuration" / "prices.json"


def product(instance_type, dollars, *, processor="AWS Graviton3 Processor", unit="Hrs"):
    attributes = {"vcpu": "4", "memory": "8 GiB", "physicalProcessor": processor}
    dimension = {"unit": unit, "pricePerUnit": {"USD": dollars}}
    return json.dumps(
        {
            "product": {"attributes": {**attributes, "instanceType": instance_type}},
            "terms": {"OnDemand": {"sku.term": {"priceDimensions": {"sku.term.rate": dimension}}}},
        }
    )


def spot(instance_type, zone, dollars, hours_ago=1):
    return {
        "InstanceType": instance_type,
        "AvailabilityZone": zone,
        "SpotPrice": dollars,
        "Timestamp": NOW - timedelta(hours=hours_ago),
    }


class Answers:
    """Clients of both APIs whose requests and answers botocore's own models check."""

    def __init__(self, region="eu-west-1"):
        pricing = boto3.client("pricing", region_name="us-east-1", **KEYS)
        ec2 = boto3.client("ec2", region_name=region, **KEYS)
        self.clients = PriceClients(pricing, ec2)
        self.pricing, self.ec2 = stub.Stubber(pricing), stub.Stubber(ec2)

    def __enter__(self):
        self.pricing.activate()
        self.ec2.activate()
        return self

    def __exit__(self, *_):
        self.pricing.assert_no_pending_responses()
        self.ec2.assert_no_pending_responses()


def test_the_packaged_table_is_dated_and_says_what_is_assumed(file):
    table = prices("us-east-1", file=file)
    assert table.file is None
    assert "list prices" in table.source
    assert table.spot_is_assumed
    assert any("assumption" in each for each in table.warnings())
    assert {each.architecture for each in table.instances} == {"x86_64", "arm64"}


def test_old_prices_are_warned_about_and_new_ones_are_not(file):
    old = prices("us-east-1", file=file)
    assert any(f"{old.age_days} days old" in each for each in old.warnings())
    with Answers("us-east-1") as amazon:
        amazon.pricing.add_response("get_products", {"PriceList": [product("c7g.xlarge", "0.14")]})
        amazon.ec2.add_response(
            "describe_spot_price_history",
            {"SpotPriceHistory": [spot("c7g.xlarge", "us-east-1a", "0.05")]},
        )
        for _ in range(3):
            amazon.pricing.add_response("get_products", {"PriceList": []})
        new = prices("us-east-1", refresh=True, families=["c7g"], file=file, clients=amazon.clients)
    assert new.warnings() == []
    assert read_prices("us-east-1", file=file) == new


def test_a_refresh_reads_all_pages_and_keeps_the_median_of_the_newest_spot_prices(file):
    with Answers() as amazon:
        filters = [
            {"Type": "TERM_MATCH", "Field": name, "Value": value}
            for name, value in {
                "regionCode": "eu-west-1",
                "instanceType": "c7g.xlarge",
                "operatingSystem": "Linux",
                "tenancy": "Shared",
                "preInstalledSw": "NA",
                "capacitystatus": "Used",
            }.items()
        ]
        asked = {"ServiceCode": "AmazonEC2", "Filters": filters}
        reserved = product("c7g.xlarge", "99", unit="Quantity")
        amazon.pricing.add_response(
            "get_products", {"PriceList": [reserved], "NextToken": "more"}, asked
        )
        priced = product("c7g.xlarge", "0.1550")
        amazon.pricing.add_response(
            "get_products", {"PriceList": [priced]}, {**asked, "NextToken": "more"}
        )
        for _ in range(3):
            amazon.pricing.add_response("get_products", {"PriceList": []})
        first = [spot("c7g.xlarge", "eu-west-1a", "0.09", 9), spot("c7g.xlarge", "b", "0.06")]
        amazon.ec2.add_response(
            "describe_spot_price_history", {"SpotPriceHistory": first, "NextToken": "more"}
        )
        second = [spot("c7g.xlarge", "eu-west-1a", "0.05"), spot("c7g.xlarge", "c", "0.07")]
        amazon.ec2.add_response("describe_spot_price_history", {"SpotPriceHistory": second})
        table = prices(
            "eu-west-1", refresh=True, families=["c7g"], file=file, clients=amazon.clients
        )
    (found,) = table.instances
    assert (found.on_demand, found.spot, found.architecture) == (0.155, 0.06, "arm64")
    assert table.dollars_per_vcpu_hour("arm64", spot=True) == pytest.approx(0.015)
    assert json.loads(file.read_text())["regions"].keys() == {"eu-west-1"}


def test_the_verb_asks_amazon_keeps_the_answer_and_shows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with Answers() as amazon:
        monkeypatch.setattr(PriceClients, "of_region", lambda region: amazon.clients)
        amazon.pricing.add_response("get_products", {"PriceList": [product("c7g.xlarge", "0.155")]})
        for _ in range(3):
            amazon.pricing.add_response("get_products", {"PriceList": []})
        found = [spot("c7g.xlarge", "eu-west-1a", "0.05")]
        amazon.ec2.add_response("describe_spot_price_history", {"SpotPriceHistory": found})
        arguments = ["prices", "--region", "eu-west-1"]
        asked = CliRunner().invoke(
            daypart_command, [*arguments, "--refresh", "--families", "c7g"], catch_exceptions=False
        )
    assert asked.exit_code == 0
    kept = CliRunner().invoke(daypart_command, arguments)
    for shown in (asked.output, kept.output):
        row = next(line for line in shown.splitlines() if line.startswith("c7g.xlarge"))
        assert row.split() == ["c7g.xlarge", "4", "8", "arm64", "0.1550", "0.0500"]
        assert f"kept in {tmp_path / 'daypart' / 'prices.json'}" in shown


def test_a_refused_call_and_an_unknown_region_are_told_in_one_line(file):
    with Answers() as amazon:
        amazon.pricing.add_client_error(
            "get_products", "AccessDeniedException", "not authorized", 400
        )
        with pytest.raises(DaypartError, match=r"refuses GetProducts.*allow pricing:GetProducts"):
            prices("eu-west-1", refresh=True, file=file, clients=amazon.clients)
    assert not file.exists()
    with pytest.raises(DaypartError, match=r"no prices of region 'eu-west-9'.*--refresh"):
        prices("eu-west-9", file=file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not"),
        ('{"kind": "other"}', "holds no prices"),
        ('{"kind": "daypart-prices", "regions": {"us-east-1": {"as_of": 3}}}', "can't be read"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(file, content, says):
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(DaypartError, match=says) as told:
        prices("us-east-1", file=file)
    assert "prices.json" in str(told.value)


def test_a_price_of_nothing_is_refused(file, tmp_path):
    table = json.loads((file_of_package()).read_text())
    table["regions"]["us-east-1"]["instances"]["c7g.xlarge"]["on_demand"] = 0
    file.parent.mkdir()
    file.write_text(json.dumps(table))
    with pytest.raises(DaypartError, match=r"c7g.xlarge is not priced rightly"):
        prices("us-east-1", file=file)


def file_of_package():
    import importlib.resources

    return importlib.resources.files("daypart.engine.costs.prices") / "list_prices.json"


def test_more_memory_than_a_host_has_per_vcpu_is_paid_in_vcpus(file):
    table = prices("us-east-1", file=file)
    lean = table.dollars_per_vcpu_hour("x86_64", spot=False, families=["c6i"], mib_a_vcpu=1_900)
    rich = table.dollars_per_vcpu_hour("x86_64", spot=False, families=["c6i"], mib_a_vcpu=3_800)
    assert lean == pytest.approx(0.17 / 4)
    assert rich == pytest.approx(lean * 2, rel=0.01)
