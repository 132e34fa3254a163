"""What counts as the same answer.

The order of sets, and of items that a scan or a batch returns, is nobody's promise. The type of an
error and every value must be the same; the wording of an error is compared apart, because DynamoDB
Local words many errors differently from DynamoDB itself.
"""

import decimal
import json
import re


def normal(answer, operation):
    """The answer without what may differ."""
    status, body = answer
    if status != 200:
        return {"status": status, "error": body.get("__type", "").split("#")[-1], "item": plain(body.get("Item"))}
    if operation in STATES:
        return described(body, operation)
    body = plain(body)
    # DynamoDB Local counts nothing for empty reads, twice for deletes in batches, and so on.
    body.pop("ConsumedCapacity", None)
    if operation == "Scan" and "Items" in body:
        body["Items"] = ordered(body["Items"])
    for name in body.get("Responses", {}):
        body["Responses"][name] = ordered(body["Responses"][name])
    return body


# What a table's status must be in the reply of ours; DynamoDB Local always says ACTIVE.
STATES = {"CreateTable": "CREATING", "UpdateTable": "UPDATING", "DeleteTable": "DELETING", "DescribeTable": "ACTIVE"}
# Times, numbers that are made up, and what one of the two does not have.
NOT_COMPARED = ["CreationDateTime", "TableArn", "TableId", "TableSizeBytes", "WarmThroughput", "TableClassSummary"]


def described(body, operation):
    """A table's description without what may differ."""
    (member, table), = body.items()
    table = dict(table)
    status = table.pop("TableStatus")
    table["StatusIsRight"] = status in ("ACTIVE", STATES[operation])
    for name in NOT_COMPARED:
        table.pop(name, None)
    for part in ["ProvisionedThroughput", "BillingModeSummary"]:
        if part in table:
            table[part] = {name: value for name, value in table[part].items() if not name.endswith("DateTime")}
    return {member: table}


def plain(value):
    """Sets in order and numbers in one form, all the way down."""
    if isinstance(value, dict):
        if list(value) == ["N"]:
            return {"N": number(value["N"])}
        if list(value) == ["NS"]:
            return {"NS": sorted(map(number, value["NS"]))}
        return {k: ordered(v) if k in ("SS", "NS", "BS") and isinstance(v, list) else plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    return value


def number(text):
    """DynamoDB Local leaves numbers inside lists and maps as they were written."""
    return str(decimal.Context(prec=40).create_decimal(text).normalize() + 0)


def ordered(values):
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


def wording(answer):
    """An error's message with everything particular taken out; none for a success."""
    status, body = answer
    if status == 200:
        return None
    message = body.get("message") or body.get("Message") or ""
    message = re.sub(r'"[^"]*"|\'[^\']*\'|\{[^}]*\}|\[[^\]]*\]', "…", message)
    return re.sub(r"(?<=: )\S+|\b\d+\b", "…", message)
