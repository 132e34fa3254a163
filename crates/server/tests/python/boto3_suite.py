"""The unmodified boto3 against a running Foreshard: what an application relies on.

    python boto3_suite.py --endpoint http://127.0.0.1:8000

Every check makes its own table with a name that no other run uses, and deletes it afterwards.
Ends with exit code 0 if all checks passed, else with 1 after naming those that did not.
"""

import argparse
import sys
import time
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from botocore.exceptions import ClientError

ITEMS = 10_000
THREADS = 8
CHECKS = []


def check(function):
    """Marks a function as a check of this suite."""
    CHECKS.append(function)
    return function


def connect(endpoint, **config):
    """A session's resource on the endpoint, with credentials that no server looks at."""
    return boto3.resource(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDBOTO3",
        aws_secret_access_key="secret",
        config=Config(max_pool_connections=THREADS * 2, user_agent_appid="boto3-suite", **config),
    )


@contextmanager
def table(db, sort=True):
    """A table with a string partition key and, unless told otherwise, a numeric sort key."""
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
    attributes = [{"AttributeName": "pk", "AttributeType": "S"}]
    if sort:
        keys.append({"AttributeName": "sk", "KeyType": "RANGE"})
        attributes.append({"AttributeName": "sk", "AttributeType": "N"})
    made = db.create_table(
        TableName=f"suite-{uuid.uuid4()}",
        KeySchema=keys,
        AttributeDefinitions=attributes,
        BillingMode="PAY_PER_REQUEST",
    )
    made.wait_until_exists()
    try:
        yield made
    finally:
        made.delete()
        made.wait_until_not_exists()


@contextmanager
def raises(db, name):
    """Expects the typed exception `name`, not merely some error; yields a dict with it."""
    caught = {}
    try:
        yield caught
    except getattr(db.meta.client.exceptions, name, ClientError) as error:
        assert error.response["Error"]["Code"] == name, error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
        assert len(error.response["ResponseMetadata"]["RequestId"]) == 52, error
        caught["error"] = error
        return
    raise AssertionError(f"expected {name}, got no error")


def everything(page, **arguments):
    """All items of a paged operation, and how many pages there were."""
    items, pages = [], 0
    while True:
        reply = page(**arguments)
        items += reply["Items"]
        pages += 1
        if "LastEvaluatedKey" not in reply:
            return items, pages
        arguments["ExclusiveStartKey"] = reply["LastEvaluatedKey"]


@check
def tables_are_created_described_listed_and_deleted(db):
    client = db.meta.client
    with table(db) as made:
        described = client.describe_table(TableName=made.name)["Table"]
        assert described["TableStatus"] == "ACTIVE"
        assert described["TableArn"].endswith(f":table/{made.name}")
        assert described["KeySchema"][1] == {"AttributeName": "sk", "KeyType": "RANGE"}
        assert made.name in [t.name for t in db.tables.all()]
        with raises(db, "ResourceInUseException"):
            client.create_table(
                TableName=made.name,
                KeySchema=described["KeySchema"],
                AttributeDefinitions=described["AttributeDefinitions"],
                BillingMode="PAY_PER_REQUEST",
            )
    with raises(db, "ResourceNotFoundException"):
        client.describe_table(TableName=made.name)
    with raises(db, "ResourceNotFoundException"):
        client.delete_table(TableName=made.name)


@check
def every_type_of_value_comes_back_as_it_went(db):
    item = {
        "pk": "types",
        "sk": Decimal("-12.5E-10"),
        "string": "grün, 水, 🙂",
        "empty": "",
        "number": Decimal("12345678901234567890123456789012345678"),
        "bytes": b"\x00\x01\xff",
        "yes": True,
        "no": False,
        "nothing": None,
        "list": ["a", Decimal(1), [b"x", {}]],
        "map": {"inner": {"deep": [True, None]}},
        "strings": {"a", "b"},
        "numbers": {Decimal(1), Decimal("2.5")},
        "binaries": {b"a", b"b"},
    }
    with table(db) as made:
        made.put_item(Item=item)
        found = made.get_item(Key={"pk": "types", "sk": item["sk"]}, ConsistentRead=True)["Item"]
        assert found == item, found


@check
def ten_thousand_items_are_written_read_queried_and_scanned(db):
    with table(db) as made:
        def write(thread):
            with made.batch_writer() as batch:
                for n in range(thread, ITEMS, THREADS):
                    batch.put_item(Item={"pk": f"k{n % 100}", "sk": n, "text": "x" * 200})

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(write, range(THREADS)))
            items, pages = everything(made.scan)
            assert len(items) == ITEMS and pages > 1, (len(items), pages)
            assert {int(item["sk"]) for item in items} == set(range(ITEMS))

            def read(n):
                return made.get_item(Key={"pk": f"k{n % 100}", "sk": n})["Item"]["sk"] == n

            assert all(pool.map(read, range(0, ITEMS, 10)))

            def segment(number):
                return everything(made.scan, Segment=number, TotalSegments=4)[0]

            parts = list(pool.map(segment, range(4)))
            assert sum(map(len, parts)) == ITEMS
            assert len({(i["pk"], i["sk"]) for part in parts for i in part}) == ITEMS

        found, pages = everything(made.query, KeyConditionExpression=Key("pk").eq("k7"), Limit=30)
        assert [int(item["sk"]) for item in found] == list(range(7, ITEMS, 100))
        assert pages == 4, pages
        backward, _ = everything(
            made.query,
            KeyConditionExpression=Key("pk").eq("k7") & Key("sk").between(1000, 2000),
            ScanIndexForward=False,
        )
        assert [int(item["sk"]) for item in backward] == list(range(1907, 999, -100))


@check
def filters_and_projections_apply_after_the_read(db):
    with table(db) as made:
        with made.batch_writer() as batch:
            for n in range(100):
                batch.put_item(Item={"pk": "a", "sk": n, "even": n % 2 == 0, "nest": {"n": n}})
        reply = made.query(
            KeyConditionExpression=Key("pk").eq("a") & Key("sk").lt(50),
            FilterExpression=Attr("even").eq(True),
            ProjectionExpression="sk, nest.n",
            ReturnConsumedCapacity="TOTAL",
        )
        assert (reply["Count"], reply["ScannedCount"]) == (25, 50)
        assert reply["Items"][3] == {"sk": 6, "nest": {"n": 6}}
        assert reply["ConsumedCapacity"]["CapacityUnits"] > 0
        counted = made.scan(FilterExpression=Attr("nest.n").gte(90), Select="COUNT")
        assert counted["Count"] == 10 and "Items" not in counted


@check
def updates_have_their_conditions_and_return_values(db):
    with table(db) as made:
        key = {"pk": "u", "sk": 1}
        created = made.update_item(
            Key=key,
            UpdateExpression="SET #n = :n, tags = :tags, nest = :nest",
            ExpressionAttributeNames={"#n": "name"},
            ExpressionAttributeValues={":n": "first", ":tags": {"a"}, ":nest": {"x": 1}},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        assert created == {**key, "name": "first", "tags": {"a"}, "nest": {"x": 1}}
        changed = made.update_item(
            Key=key,
            UpdateExpression="SET nest.y = if_not_exists(nest.y, :two) REMOVE #n ADD tags :b, n :two",
            ConditionExpression="attribute_exists(pk) AND #n = :first",
            ExpressionAttributeNames={"#n": "name"},
            ExpressionAttributeValues={":two": 2, ":b": {"b"}, ":first": "first"},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        assert changed == {**key, "tags": {"a", "b"}, "nest": {"x": 1, "y": 2}, "n": 2}
        with raises(db, "ConditionalCheckFailedException") as caught:
            made.put_item(
                Item={**key, "name": "second"},
                ConditionExpression=Attr("pk").not_exists(),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        assert caught["error"].response["Item"]["n"] == {"N": "2"}
        gone = made.delete_item(
            Key=key, ConditionExpression=Attr("n").eq(2), ReturnValues="ALL_OLD"
        )["Attributes"]
        assert gone == changed
        assert "Item" not in made.get_item(Key=key, ConsistentRead=True)


@check
def parameters_that_expressions_have_replaced_still_work(db):
    with table(db) as made:
        key = {"pk": "old", "sk": 1}
        made.put_item(Item={**key, "n": 1}, Expected={"pk": {"Exists": False}})
        with raises(db, "ConditionalCheckFailedException"):
            made.put_item(Item=key, Expected={"n": {"ComparisonOperator": "GT", "AttributeValueList": [1]}})
        changed = made.update_item(
            Key=key,
            AttributeUpdates={"n": {"Action": "ADD", "Value": 4}, "l": {"Value": ["a"]}},
            ReturnValues="UPDATED_NEW",
        )["Attributes"]
        assert changed == {"n": 5, "l": ["a"]}, changed
        found = made.query(
            KeyConditions={"pk": {"ComparisonOperator": "EQ", "AttributeValueList": ["old"]}},
            QueryFilter={"n": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [1, 5]}},
            AttributesToGet=["sk"],
        )["Items"]
        assert found == [{"sk": 1}], found
        with raises(db, "ValidationException"):
            made.get_item(Key=key, AttributesToGet=["n"], ProjectionExpression="n")


@check
def tables_are_updated_tagged_and_described(db):
    client = db.meta.client
    with table(db) as made:
        client.update_table(
            TableName=made.name,
            BillingMode="PROVISIONED",
            ProvisionedThroughput={"ReadCapacityUnits": 100, "WriteCapacityUnits": 50},
            DeletionProtectionEnabled=True,
        )
        client.get_waiter("table_exists").wait(TableName=made.name)
        described = client.describe_table(TableName=made.name)["Table"]
        assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 50
        with raises(db, "ValidationException"):
            client.delete_table(TableName=made.name)
        client.update_table(TableName=made.name, DeletionProtectionEnabled=False)
        arn = described["TableArn"]
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}])
        assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
        client.untag_resource(ResourceArn=arn, TagKeys=["team"])
        assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == []
        off = client.describe_time_to_live(TableName=made.name)["TimeToLiveDescription"]
        assert off["TimeToLiveStatus"] == "DISABLED"
        backups = client.describe_continuous_backups(TableName=made.name)
        assert backups["ContinuousBackupsDescription"]["ContinuousBackupsStatus"] == "ENABLED"
        assert client.describe_limits()["TableMaxReadCapacityUnits"] > 0
        assert client.describe_endpoints()["Endpoints"][0]["Address"]


@check
def a_counter_counts_every_concurrent_update(db):
    with table(db, sort=False) as made:
        def add(_):
            made.update_item(
                Key={"pk": "counter"},
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": 1},
            )

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(add, range(500)))
        assert made.get_item(Key={"pk": "counter"}, ConsistentRead=True)["Item"]["n"] == 500


@check
def batches_read_and_write_several_items(db):
    with table(db) as made:
        keys = [{"pk": "b", "sk": n} for n in range(30)]
        with made.batch_writer() as batch:
            for key in keys:
                batch.put_item(Item={**key, "text": "t"})
            batch.delete_item(Key=keys[0])
        reply = db.batch_get_item(RequestItems={made.name: {"Keys": keys}})
        assert len(reply["Responses"][made.name]) == 29
        assert reply["UnprocessedKeys"] == {}


@check
def mistakes_are_refused_with_the_right_exception(db):
    with table(db) as made:
        with raises(db, "ValidationException"):
            made.put_item(Item={"pk": "no sort key"})
        with raises(db, "ValidationException"):
            made.put_item(Item={"pk": 1, "sk": 1})
        with raises(db, "ValidationException"):
            made.query(KeyConditionExpression="sk = :one", ExpressionAttributeValues={":one": 1})
        with raises(db, "ValidationException"):
            made.update_item(Key={"pk": "a", "sk": 1}, UpdateExpression="SET a = :missing")
        with raises(db, "ValidationException"):
            made.put_item(Item={"pk": "a", "sk": 1, "big": "x" * 400 * 1024})
    with raises(db, "ResourceNotFoundException"):
        made.put_item(Item={"pk": "a", "sk": 1})


@check
def backups_are_made_listed_restored_and_deleted(db):
    client = db.meta.client
    with table(db, sort=False) as made:
        made.put_item(Item={"pk": "a", "v": 1})
        names = [f"backup-{n}" for n in range(3)]
        arns = []
        for name in names:
            details = client.create_backup(TableName=made.name, BackupName=name)["BackupDetails"]
            arns.append(details["BackupArn"])
        made.put_item(Item={"pk": "a", "v": 2})
        described = client.describe_backup(BackupArn=arns[0])["BackupDescription"]
        assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE", described
        assert described["SourceTableDetails"]["TableName"] == made.name, described
        pages = client.get_paginator("list_backups").paginate(
            TableName=made.name, PaginationConfig={"PageSize": 1}
        )
        listed = [s["BackupName"] for page in pages for s in page["BackupSummaries"]]
        assert listed == names, listed
        target = f"{made.name}-restored"
        client.restore_table_from_backup(TargetTableName=target, BackupArn=arns[0])
        client.get_waiter("table_exists").wait(TableName=target)
        restored = db.Table(target)
        assert restored.get_item(Key={"pk": "a"}, ConsistentRead=True)["Item"]["v"] == 1
        with raises(db, "TableAlreadyExistsException"):
            client.restore_table_from_backup(TargetTableName=target, BackupArn=arns[0])
        restored.delete()
        for arn in arns:
            gone = client.delete_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
            assert gone["BackupStatus"] == "DELETED", gone
        with raises(db, "BackupNotFoundException"):
            client.describe_backup(BackupArn=arns[0])
    with raises(db, "TableNotFoundException"):
        client.create_backup(TableName=made.name, BackupName="none")


@check
def a_table_is_restored_to_a_point_in_time(db):
    client = db.meta.client
    with table(db, sort=False) as made:
        made.put_item(Item={"pk": "a", "v": 1})
        target = f"{made.name}-restored"
        with raises(db, "PointInTimeRecoveryUnavailableException"):
            client.restore_table_to_point_in_time(
                SourceTableName=made.name, TargetTableName=target, UseLatestRestorableTime=True
            )
        client.update_continuous_backups(
            TableName=made.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        kept = client.describe_continuous_backups(TableName=made.name)
        kept = kept["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert kept["PointInTimeRecoveryStatus"] == "ENABLED", kept
        earliest = kept["EarliestRestorableDateTime"]
        assert earliest <= kept["LatestRestorableDateTime"], kept
        made.put_item(Item={"pk": "a", "v": 2})
        client.restore_table_to_point_in_time(
            SourceTableName=made.name, TargetTableName=target, RestoreDateTime=earliest
        )
        restored = db.Table(target)
        assert restored.get_item(Key={"pk": "a"}, ConsistentRead=True)["Item"]["v"] == 1
        restored.delete()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--endpoint", required=True, help="such as http://127.0.0.1:8000")
    db = connect(arguments.parse_args().endpoint, retries={"max_attempts": 5, "mode": "standard"})
    failed = []
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        began = time.monotonic()
        try:
            function(db)
            print(f"ok      {time.monotonic() - began:6.2f} s  {name}", flush=True)
        except Exception:
            failed.append(name)
            print(f"FAILED  {time.monotonic() - began:6.2f} s  {name}", flush=True)
            traceback.print_exc()
    print(f"{len(CHECKS) - len(failed)} of {len(CHECKS)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
