"""What the monitoring stack promises: the right people hear of failures and costs."""

import pytest

from tests.infrastructure.synthesis import CONTEXT, as_list, synthesise


def only(values):
    (value,) = values
    return value


def topic_statements(stacks) -> list[dict]:
    policy = only(stacks.resources("monitoring", "AWS::SNS::TopicPolicy").values())
    return policy["Properties"]["PolicyDocument"]["Statement"]


def test_the_configured_address_is_told(stage) -> None:
    """One e-mail subscription, to the address of the configuration."""
    subscription = only(stage.resources("monitoring", "AWS::SNS::Subscription").values())["Properties"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", CONTEXT["notification_email"])


def test_without_an_address_nobody_is_subscribed() -> None:
    """The topic is there, for a reader to be added."""
    stacks = synthesise(stage="dev", notification_email=None)
    assert stacks.resources("monitoring", "AWS::SNS::Subscription") == {}
    assert len(stacks.resources("monitoring", "AWS::SNS::Topic")) == 1


def test_the_topic_refuses_plain_http(stage) -> None:
    """Publishing without TLS is denied to everybody."""
    denied = only([one for one in topic_statements(stage) if one["Effect"] == "Deny"])
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Principal"] == "*"


def test_only_this_account_s_budgets_and_alarms_publish(stage) -> None:
    """Each service may publish for this account alone; nothing else is allowed."""
    allowed = {
        service: one
        for one in topic_statements(stage)
        if one["Effect"] == "Allow"
        for service in as_list(one["Principal"]["Service"])
    }
    assert set(allowed) == {"budgets.amazonaws.com", "cloudwatch.amazonaws.com"}
    assert {one["Action"] for one in allowed.values()} == {"sns:Publish"}
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert allowed["budgets.amazonaws.com"]["Condition"] == account
    assert allowed["cloudwatch.amazonaws.com"]["Condition"] == account


def test_prod_encrypts_notifications_with_a_key_that_the_services_may_use(prod) -> None:
    """A rotating key of the topic's own; a service without it would publish into the void."""
    key_id, key = only(prod.resources("monitoring", "AWS::KMS::Key").items())
    topic = only(prod.resources("monitoring", "AWS::SNS::Topic").values())
    assert topic["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert key["Properties"]["EnableKeyRotation"] is True
    users = {
        service: as_list(one["Action"])
        for one in key["Properties"]["KeyPolicy"]["Statement"]
        for service in as_list(one["Principal"].get("Service", []))
    }
    services = ("budgets.amazonaws.com", "cloudwatch.amazonaws.com")
    assert users == {service: ["kms:Decrypt", "kms:GenerateDataKey"] for service in services}


@pytest.mark.parametrize("amount", [100, 2500])
def test_the_budget_alerts_at_50_80_and_100_percent(amount) -> None:
    """Of the real cost, and of the forecast at 100 %, each to the topic."""
    stacks = synthesise(stage="dev", monthly_budget_usd=amount)
    budget = only(stacks.resources("monitoring", "AWS::Budgets::Budget").values())["Properties"]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": amount, "Unit": "USD"}
    assert (budget["Budget"]["TimeUnit"], budget["Budget"]["BudgetType"]) == ("MONTHLY", "COST")
    topic = only(stacks.resources("monitoring", "AWS::SNS::Topic"))
    alerts = []
    for alert in budget["NotificationsWithSubscribers"]:
        assert only(alert["Subscribers"]) == {"SubscriptionType": "SNS", "Address": {"Ref": topic}}
        told = alert["Notification"]
        assert (told["ComparisonOperator"], told["ThresholdType"]) == ("GREATER_THAN", "PERCENTAGE")
        alerts.append((told["NotificationType"], told["Threshold"]))
    assert alerts == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]


def test_the_budget_waits_for_the_topic_s_policy(stage) -> None:
    """Budgets tries the topic when it is made, and fails where it may not publish."""
    budget = only(stage.resources("monitoring", "AWS::Budgets::Budget").values())
    assert set(stage.resources("monitoring", "AWS::SNS::TopicPolicy")) <= set(budget["DependsOn"])


def test_the_budget_counts_the_whole_account(stage) -> None:
    """A filter by tags that nobody activated would count nothing and never alert."""
    budget = only(stage.resources("monitoring", "AWS::Budgets::Budget").values())["Properties"]["Budget"]
    assert "CostFilters" not in budget
    assert "BudgetName" not in budget


def test_everything_taggable_carries_the_cost_tags(stage) -> None:
    """Project and stage on every resource of these stacks that takes tags: a bill can be split."""
    for part, kind in [("storage", "AWS::S3::Bucket"), ("monitoring", "AWS::SNS::Topic")]:
        for resource in stage.resources(part, kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert tags["project"] == "fruit-features"
            assert tags["stage"] in {"dev", "prod"}
