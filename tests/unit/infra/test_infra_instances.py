"""Instance types: our file says what cfn-lint and EC2 say."""

from infra.config.instance_survey import measures, offered, survey
from infra.config.instances import instance_types
from infra.costs.prices import has_price

REGIONS = ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")


def test_the_file_is_what_the_survey_finds() -> None:
    """vCPU, memory, architecture and regions of every type agree with the installed cfn-lint and moto."""
    ours = {
        name: {
            "vcpu": known.vcpu,
            "memory_mib": known.memory_mib,
            "architecture": known.architecture,
            "regions": list(known.regions),
        }
        for name, known in instance_types().items()
    }
    assert ours == survey()
    assert len(ours) > 100


def test_no_type_is_claimed_for_a_region_that_cfn_lint_refuses() -> None:
    """cfn-lint would fail the template: no region has a type here that it lacks there."""
    claimed = {
        region: {n for n, known in instance_types().items() if region in known.regions} for region in REGIONS
    }
    assert {region: sorted(names - offered(region)) for region, names in claimed.items()} == {
        region: [] for region in REGIONS
    }
    assert all(claimed.values())


def test_paris_lacks_what_it_lacks() -> None:
    """m7a is not in eu-west-3; m5, its Intel and Graviton successors are."""
    assert "eu-west-3" not in instance_types()["m7a.xlarge"].regions
    for name in ("m5.xlarge", "m7i-flex.xlarge", "m7g.xlarge", "c7i-flex.xlarge"):
        assert "eu-west-3" in instance_types()[name].regions


def test_sizes_of_a_priced_family_are_proportional() -> None:
    """Prices are given for xlarge and scale with vCPU: an xlarge must have 4 of them, as reckoned."""
    priced = [name for name in instance_types() if has_price(name, "eu-west-3") and name.endswith(".xlarge")]
    assert {measures()[name]["VCpuInfo"]["DefaultVCpus"] for name in priced} == {4}
    assert len(priced) == 4
