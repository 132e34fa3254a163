"""Differences that are meant, with the reason; docs/compatibility.md has the same list for people."""

from compare import normal

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}

# Reason, and whether a difference is it: a function of operation, body, our status and error, theirs.
REASONS = []


def known(reason):
    """Registers a check under its reason."""
    def register(check):
        REASONS.append((reason, check))
        return check
    return register


def reason(operation, body, answers):
    """Why the answers differ, if that is known."""
    ours, theirs = answers
    for text, check in REASONS:
        if check(operation, body, ours, theirs):
            return text
    return None


def error(answer):
    return answer[1].get("__type", "").split("#")[-1] if answer[0] != 200 else None


def message(answer):
    return (answer[1].get("message") or answer[1].get("Message") or "") if answer[0] != 200 else ""


@known("DynamoDB Local fails with an internal error")
def internal_failure(operation, body, ours, theirs):
    return theirs[0] == 500 and ours[0] in (200, 400)


@known("DynamoDB Local looks for the table before it validates the request")
def table_first(operation, body, ours, theirs):
    return error(theirs) == "ResourceNotFoundException" and error(ours) in ("ValidationException", "SerializationException")


@known("A page that ends at its limit names its last key; DynamoDB Local looks ahead if the key condition ends there")
def last_key_at_the_end(operation, body, ours, theirs):
    if operation != "Query" or (ours[0], theirs[0]) != (200, 200):
        return False
    rest = {name: part for name, part in ours[1].items() if name != "LastEvaluatedKey"}
    return body.get("Limit") == ours[1]["ScannedCount"] and normal((200, rest), operation) == normal(theirs, operation)


@known("A page may start at the very end of the key condition, where the one before has ended; it is empty")
def start_at_the_end(operation, body, ours, theirs):
    empty = ours[0] == 200 and ours[1].get("ScannedCount") == 0 and "ExclusiveStartKey" in body
    return operation == "Query" and empty and "does not match the range key predicate" in message(theirs)


@known("AttributeUpdates are validated before the condition is judged; DynamoDB Local does it the other way round")
def updates_before_condition(operation, body, ours, theirs):
    refused = error(ours) == "ValidationException" and error(theirs) == "ConditionalCheckFailedException"
    return operation == "UpdateItem" and "AttributeUpdates" in body and refused


@known("UPDATED_OLD and UPDATED_NEW return the parts that the update names; DynamoDB Local returns whole attributes")
def parts_of_attributes(operation, body, ours, theirs):
    nested = any(sign in body.get("UpdateExpression", "") for sign in ".[")
    updated = str(body.get("ReturnValues", "")).startswith("UPDATED")
    if operation != "UpdateItem" or not (nested and updated) or (ours[0], theirs[0]) != (200, 200):
        return False
    return set(ours[1].get("Attributes", {})) <= set(theirs[1].get("Attributes", {}))


def only_removes(body):
    updates = body.get("AttributeUpdates")
    if updates:
        return all(update.get("Action") == "DELETE" for update in updates.values())
    words = body.get("UpdateExpression", "").upper().split()
    return bool(words) and not {"SET", "ADD"} & set(words)


@known("DynamoDB Local creates an item by an update that only removes, and returns it")
def created_by_removal(operation, body, ours, theirs):
    return operation == "UpdateItem" and only_removes(body) and "Attributes" not in ours[1] and "Attributes" in theirs[1]


@known("The JSON type of every value is checked first; DynamoDB Local takes wrong ones for empty values")
def json_types_first(operation, body, ours, theirs):
    return error(ours) == "SerializationException" and theirs[0] == 400


@known("Rates for a table on demand are refused; DynamoDB Local ignores them")
def rates_on_demand(operation, body, ours, theirs):
    refused = "can be specified when BillingMode is PAY_PER_REQUEST" in message(ours)
    in_use = error(theirs) == "ResourceInUseException"
    return operation in ("CreateTable", "UpdateTable") and refused and (theirs[0] == 200 or in_use)


@known("DynamoDB Local forgets deletion protection when something else of the table is updated")
def forgotten_protection(operation, body, ours, theirs):
    if operation != "UpdateTable" or (ours[0], theirs[0]) != (200, 200):
        return False
    table = {**theirs[1]["TableDescription"], "DeletionProtectionEnabled": True}
    protected = ours[1]["TableDescription"]["DeletionProtectionEnabled"]
    return protected and normal(ours, operation) == normal((200, {"TableDescription": table}), operation)
