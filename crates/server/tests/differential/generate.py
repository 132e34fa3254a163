"""Random requests on items: every operation, every parameter, expressions and their predecessors."""

import expressions as e
from values import KEYS, NAMES, TABLES, bad_value, item_of, key_of, value

OPERATORS = ["EQ", "NE", "LT", "LE", "GT", "GE", "NULL", "NOT_NULL", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH",
             "IN", "BETWEEN"]


def request(r):
    """An operation with its parameters; `r` decides everything."""
    bad = r.choice([0.0, 0.0, 0.03, 0.15])
    table = r.choice(TABLES)
    make = r.choices(
        [put, get, update, delete, query, scan, batch_get, batch_write],
        [22, 10, 24, 8, 18, 8, 4, 6],
    )[0]
    operation, body = make(r, table, bad)
    if "RequestItems" not in body:
        body["TableName"] = table[0]
        if r.random() < bad / 3:
            body["TableName"] = r.choice(["none-such", "diff-sn"])
    if r.random() < 0.1:
        body["ReturnConsumedCapacity"] = r.choice(["TOTAL", "INDEXES", "NONE"])
    return operation, body


def legacy_condition(r, bad):
    operator = r.choice(OPERATORS)
    count = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2, "IN": r.randint(1, 3)}.get(operator, 1)
    if r.random() < bad:
        count = r.randint(0, 3)
    same = value(r, 2, bad)
    values = [same if r.random() < 0.5 else value(r, 2, bad) for _ in range(count)]
    return {"ComparisonOperator": operator, "AttributeValueList": values}


def expected(r, bad):
    conditions = {}
    for name in r.sample(NAMES + ["p"], r.choice([1, 1, 2])):
        roll = r.random()
        if roll < 0.2:
            conditions[name] = {"Exists": False}
        elif roll < 0.4:
            conditions[name] = {"Value": value(r, 1, bad)}
        else:
            conditions[name] = legacy_condition(r, bad)
        if r.random() < bad:
            conditions[name].update(r.choice([{"Exists": True}, {"Value": {"S": "a"}}, {"AttributeValueList": []}]))
    return conditions


def conditional(r, body, bad, p, legacy):
    """Adds a condition, in one of the two ways or (wrongly) in both."""
    roll = r.random()
    if roll >= 0.5:
        pass
    elif not legacy:
        text = e.condition(r, p)
        body["ConditionExpression"] = e.mutated(r, text) if r.random() < bad else text
    else:
        body["Expected"] = expected(r, bad)
        if len(body["Expected"]) > 1 or r.random() < bad:
            body["ConditionalOperator"] = r.choice(["AND", "OR"])
    if r.random() < bad:
        body["Expected"] = expected(r, bad)
    if r.random() < 0.3:
        body["ReturnValuesOnConditionCheckFailure"] = r.choice(["ALL_OLD", "NONE"])


def put(r, table, bad):
    body, p = {"Item": item_of(r, table, bad)}, e.Placeholders(r, bad)
    conditional(r, body, bad, p, r.random() < 0.3)
    if r.random() < 0.4:
        body["ReturnValues"] = r.choice(["ALL_OLD", "NONE"] + (["ALL_NEW", "UPDATED_OLD"] if r.random() < bad else []))
    return "PutItem", p.into(body)


def delete(r, table, bad):
    body, p = {"Key": key_of(r, table, bad)}, e.Placeholders(r, bad)
    conditional(r, body, bad, p, r.random() < 0.3)
    if r.random() < 0.5:
        body["ReturnValues"] = r.choice(["ALL_OLD", "NONE"])
    return "DeleteItem", p.into(body)


def update(r, table, bad):
    body, p = {"Key": key_of(r, table, bad)}, e.Placeholders(r, bad)
    legacy = r.random() < 0.3
    if r.random() < 0.05:
        pass
    elif not legacy:
        text = e.update(r, p)
        body["UpdateExpression"] = e.mutated(r, text) if r.random() < bad else text
    else:
        body["AttributeUpdates"] = attribute_updates(r, bad)
    conditional(r, body, bad, p, legacy)
    if r.random() < 0.6:
        body["ReturnValues"] = r.choice(["ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW", "NONE"])
    return "UpdateItem", p.into(body)


def attribute_updates(r, bad):
    updates = {}
    for name in r.sample(NAMES, r.choice([1, 1, 2, 3])):
        action = r.choice(["PUT", "ADD", "DELETE", None])
        # Mostly of the type that the attribute has.
        fitting = {"n": {"N": "2"}, "ss": {"SS": ["a", "z"]}, "ns": {"NS": ["1", "9"]}, "l": {"L": [{"S": "t"}]}}
        given = fitting.get(name) if r.random() < 0.8 else r.choice(list(fitting.values()))
        if action == "ADD":
            given = given or {"N": "1"}
        elif action == "DELETE":
            given = None if name in ("n", "l") or r.random() < 0.3 else given
        else:
            given = value(r, 1, bad)
        if r.random() < bad:
            given = r.choice([None, value(r, 1, 0.3)])
        updates[name] = {}
        if action:
            updates[name]["Action"] = action
        if given is not None:
            updates[name]["Value"] = given
    return updates


def projected(r, body, bad, p, legacy):
    if r.random() < 0.6:
        return
    if not legacy:
        text = e.projection(r, p)
        body["ProjectionExpression"] = e.mutated(r, text) if r.random() < bad else text
    else:
        body["AttributesToGet"] = r.sample(NAMES + ["p", "s"], r.randint(1, 3))
        if r.random() < bad:
            body["AttributesToGet"].append(body["AttributesToGet"][0])


def get(r, table, bad):
    body, p = {"Key": key_of(r, table, bad)}, e.Placeholders(r, bad)
    projected(r, body, bad, p, r.random() < 0.3)
    p.values = {}
    if r.random() < 0.5:
        body["ConsistentRead"] = r.random() < 0.7
    return "GetItem", p.into(body)


def filtered(r, body, bad, p, name, legacy):
    if r.random() < 0.6:
        pass
    elif not legacy:
        text = e.condition(r, p)
        body["FilterExpression"] = e.mutated(r, text) if r.random() < bad else text
    else:
        body[name] = {n: legacy_condition(r, bad) for n in r.sample(NAMES, r.choice([1, 2]))}
        if len(body[name]) > 1 and r.random() < 0.5:
            body["ConditionalOperator"] = r.choice(["AND", "OR"])
    if r.random() < 0.15:
        body["Select"] = r.choice(["COUNT", "ALL_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"])
    if r.random() < 0.3:
        body["ConsistentRead"] = r.random() < 0.7


def query(r, table, bad):
    _, partition, sort = table
    body, p = {}, e.Placeholders(r, bad)
    key = r.choice(KEYS[partition]) if r.random() >= bad else value(r, 1, bad)
    on_sort = sort and r.random() < 0.6
    low, high = (r.choice(KEYS[sort]), r.choice(KEYS[sort])) if on_sort else (None, None)
    legacy = r.random() < 0.25
    if not legacy:
        text = f"{p.name('p')} = {p.value(key)}"
        if on_sort:
            name = p.name("s")
            kind = r.choice(["<", "<=", ">", ">=", "=", "BETWEEN", "begins_with"])
            if kind == "BETWEEN":
                text += f" AND {name} BETWEEN {p.value(low)} AND {p.value(high)}"
            elif kind == "begins_with":
                text += f" AND begins_with({name}, {p.value(low)})"
            else:
                text += f" AND {name} {kind} {p.value(low)}"
        body["KeyConditionExpression"] = e.mutated(r, text) if r.random() < bad else text
    else:
        body["KeyConditions"] = {"p": {"ComparisonOperator": "EQ", "AttributeValueList": [key]}}
        if on_sort:
            operator = r.choice(["LT", "LE", "GT", "GE", "EQ", "BETWEEN", "BEGINS_WITH"])
            values = [low, high] if operator == "BETWEEN" else [low]
            body["KeyConditions"]["s"] = {"ComparisonOperator": operator, "AttributeValueList": values}
        if r.random() < bad:
            body["KeyConditions"][r.choice(["p", "s", "zz"])] = legacy_condition(r, bad)
    # By chance of the other kind, which is refused.
    other = legacy if r.random() >= bad else not legacy
    filtered(r, body, bad, p, "QueryFilter", legacy)
    projected(r, body, bad, p, other)
    if r.random() < 0.5:
        body["ScanIndexForward"] = r.random() < 0.5
    if r.random() < 0.3:
        body["Limit"] = r.choice([1, 2, 3] + ([0, -1] if bad else []))
    if r.random() < 0.15:
        body["ExclusiveStartKey"] = key_of(r, table, bad)
    return "Query", p.into(body)


def scan(r, table, bad):
    body, p = {}, e.Placeholders(r, bad)
    legacy = r.random() < 0.3
    filtered(r, body, bad, p, "ScanFilter", legacy)
    projected(r, body, bad, p, legacy)
    if r.random() < bad:
        body.update(r.choice([
            {"Segment": 0}, {"TotalSegments": 2}, {"Segment": 2, "TotalSegments": 2}, {"Segment": -1, "TotalSegments": 2},
            {"Limit": 0}, {"IndexName": "none-such"},
        ]))
    return "Scan", p.into(body)


def batch_get(r, table, bad):
    part, p = {"Keys": [key_of(r, table, bad) for _ in range(r.randint(1, 4))]}, e.Placeholders(r, bad)
    projected(r, part, bad, p, r.random() < 0.3)
    p.values = {}
    p.into(part)
    if r.random() < 0.3:
        part["ConsistentRead"] = True
    return "BatchGetItem", {"RequestItems": {table[0]: part}}


def batch_write(r, table, bad):
    requests = []
    for _ in range(r.randint(1, 4)):
        if r.random() < 0.6:
            requests.append({"PutRequest": {"Item": item_of(r, table, bad)}})
        else:
            requests.append({"DeleteRequest": {"Key": key_of(r, table, bad)}})
    if r.random() < bad:
        requests.append(r.choice([{}, {"PutRequest": {}}, {"PutRequest": {"Item": bad_value(r)}}]))
    return "BatchWriteItem", {"RequestItems": {table[0]: requests}}
