"""Random operations on tables and their tags: valid and invalid ones, on few names.

Tables that requests on items use are left alone, so that an epoch can mix both kinds.
"""

NAMES = ["ops-a", "ops-b", "ops.c_1"]
BAD_NAMES = ["", "ab", "no spaces", "x" * 256, "ü-table", None, 7]
REGIONS = ["ddblocal", "us-east-1"]
TYPES = ["S", "N", "B"]


def request(r):
    """An operation on a table with its parameters; `r` decides everything."""
    bad = r.choice([0.0, 0.0, 0.05, 0.25])
    make = r.choices([create, update, describe, delete, list_tables, other], [30, 25, 15, 20, 8, 2])[0]
    operation, body = make(r, bad)
    if "TableName" in body and r.random() < bad / 2:
        body["TableName"] = r.choice(BAD_NAMES)
    if r.random() < bad / 3:
        body.pop(r.choice(sorted(body)), None) if body else None
    return operation, body


def rates(r, bad):
    read, write = r.choice([1, 2, 5, 10]), r.choice([1, 2, 5, 10])
    given = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    if r.random() < bad:
        how = r.randrange(3)
        if how == 0:
            given.pop(r.choice(sorted(given)))
        elif how == 1:
            given[r.choice(sorted(given))] = r.choice([0, -1])
        else:
            given[r.choice(sorted(given))] = "5x"
    return given


def billing(r, body, bad, may_be_left_out):
    roll = r.random()
    if roll < 0.4:
        body["BillingMode"] = "PAY_PER_REQUEST"
    elif roll < 0.7:
        body["BillingMode"] = "PROVISIONED"
        body["ProvisionedThroughput"] = rates(r, bad)
    elif roll < 0.9 or not may_be_left_out:
        body["ProvisionedThroughput"] = rates(r, bad)
    if r.random() < bad:
        body.update(r.choice([
            {"BillingMode": "SOMETIMES"}, {"BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": rates(r, 0)},
            {"BillingMode": "PROVISIONED"},
        ]))


def create(r, bad):
    attributes = [{"AttributeName": "p", "AttributeType": r.choice(TYPES)}]
    keys = [{"AttributeName": "p", "KeyType": "HASH"}]
    if r.random() < 0.5:
        attributes.append({"AttributeName": "s", "AttributeType": r.choice(TYPES)})
        keys.append({"AttributeName": "s", "KeyType": "RANGE"})
    if r.random() < bad:
        how = r.randrange(9)
        if how == 0:
            attributes.append({"AttributeName": "unused", "AttributeType": "S"})
        elif how == 1:
            attributes.pop()
        elif how == 2:
            keys.reverse()
        elif how == 3:
            keys = [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "p", "KeyType": "RANGE"}]
        elif how == 4:
            attributes[0]["AttributeType"] = r.choice(["BOOL", "M", "", "s"])
        elif how == 5:
            keys[0]["KeyType"] = r.choice(["RANGE", "hash", ""])
        elif how == 6:
            attributes.append(dict(attributes[0]))
        elif how == 7:
            keys = r.choice([[], keys * 3])
        else:
            attributes[0].pop("AttributeType")
    body = {"TableName": r.choice(NAMES), "AttributeDefinitions": attributes, "KeySchema": keys}
    billing(r, body, bad, r.random() < bad)
    if r.random() < 0.15:
        # DynamoDB Local does not keep it when it makes a table; when it changes one, it does.
        body["DeletionProtectionEnabled"] = False
    if r.random() < 0.1:
        body["TableClass"] = r.choice(["STANDARD", "STANDARD_INFREQUENT_ACCESS"])
    if r.random() < 0.1:
        body["StreamSpecification"] = {"StreamEnabled": False}
    if r.random() < 0.2:
        body["Tags"] = tags(r, 0)
    return "CreateTable", body


def update(r, bad):
    body = {"TableName": r.choice(NAMES)}
    if r.random() < 0.7:
        billing(r, body, bad, True)
    if len(body) == 1:
        # Alone: DynamoDB Local forgets it if the same request changes something else.
        body["DeletionProtectionEnabled"] = r.random() < 0.3
    if r.random() < bad:
        body = {"TableName": body["TableName"]}
    return "UpdateTable", body


def describe(r, bad):
    return r.choice(["DescribeTable", "DescribeTable", "DescribeTimeToLive"]), {"TableName": r.choice(NAMES)}


def delete(r, bad):
    return "DeleteTable", {"TableName": r.choice(NAMES)}


def list_tables(r, bad):
    body = {}
    if r.random() < 0.5:
        body["Limit"] = r.choice([1, 2, 3, 100] + ([0, 101, -1, "x"] if bad else []))
    if r.random() < 0.4:
        body["ExclusiveStartTableName"] = r.choice(NAMES + ["ops-none", "aaa", "zzz"])
    return "ListTables", body


def other(r, bad):
    return "DescribeLimits", {}


def tags(r, bad):
    count = r.choice([1, 1, 2, 3])
    given = [{"Key": key, "Value": r.choice(["", "a", "b"])} for key in r.sample(["k1", "k2", "k3", "k4"], count)]
    if r.random() < bad:
        given.append(r.choice([{"Key": "", "Value": "a"}, {"Key": "k" * 129, "Value": "a"}, {"Value": "a"},
                               {"Key": "aws:k", "Value": "a"}, {"Key": "k9", "Value": "v" * 257}]))
    return given


class TagModel:
    """What the tags of a table must be: DynamoDB Local has none, so this is what they are held against."""

    def __init__(self):
        self.tags = {}

    def follow(self, operation, body, answer):
        """Notes what a request on tables has done to the tags; `answer` is ours."""
        if answer[0] != 200:
            return
        if operation == "CreateTable":
            self.tags[body["TableName"]] = {tag["Key"]: tag["Value"] for tag in body.get("Tags", [])}
        elif operation == "DeleteTable":
            self.tags.pop(body["TableName"], None)

    def request(self, r):
        """An operation on tags, and what must be answered: status, or the tags."""
        name, bad = r.choice(NAMES), r.choice([0.0, 0.0, 0.3])
        arn = f"arn:aws:dynamodb:{r.choice(REGIONS)}:000000000000:table/{name}"
        known = self.tags.get(name)
        operation = r.choice(["TagResource", "UntagResource", "ListTagsOfResource"])
        body = {"ResourceArn": arn}
        if operation == "TagResource":
            body["Tags"] = tags(r, bad)
            valid = all(0 < len(tag.get("Key", "")) <= 128 and len(tag["Value"]) <= 256
                        and not tag["Key"].startswith("aws:") for tag in body["Tags"])
        elif operation == "UntagResource":
            body["TagKeys"] = r.sample(["k1", "k2", "k3", "k4", "none"], r.choice([1, 2]))
            valid = True
        else:
            valid = True
        if not valid:
            return operation, body, "ValidationException"
        if known is None:
            return operation, body, "ResourceNotFoundException"
        if operation == "TagResource":
            known.update({tag["Key"]: tag["Value"] for tag in body["Tags"]})
        elif operation == "UntagResource":
            for key in body["TagKeys"]:
                known.pop(key, None)
        return operation, body, dict(known) if operation == "ListTagsOfResource" else {}

    @staticmethod
    def agrees(expected, answer):
        """Whether an answer is the expected one."""
        status, body = answer
        if isinstance(expected, str):
            return status == 400 and body.get("__type", "").endswith("#" + expected)
        return status == 200 and {tag["Key"]: tag["Value"] for tag in body.get("Tags", [])} == expected
