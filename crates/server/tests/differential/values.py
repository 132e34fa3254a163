"""Random attribute values, items and keys: mostly valid and from small domains, so that requests meet
what earlier ones wrote; now and then wrong in one of the ways that clients get them wrong."""

import base64

NAMES = ["a", "b", "c", "d", "year", "m", "l", "n", "ss", "ns", "a.b", "x-y", "_u"]
STRINGS = ["", "a", "ab", "abc", "b", "é", "水", "😀", "A", "a" * 40]
NUMBERS = ["0", "1", "-1", "2", "10", "1.5", "-0.5", "1e2", "100", "0.001", "1e-130", "9.9e125", "-1e125",
           "12345678901234567890123456789012345678", "007", "1.10", "-0", "+5"]
BAD_NUMBERS = ["", "x", "1e126", "1e-131", "1" * 39, "1.2.3", "NaN", "0x1", " 1", "1e", "--1"]
TYPES = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"]

# The tables: name, type of the partition key, type of the sort key.
TABLES = [("diff-sn", "S", "N"), ("diff-ss", "S", "S"), ("diff-s", "S", None), ("diff-nb", "N", "B")]
KEYS = {
    "S": [{"S": s} for s in ["k", "kk", "l", "é", "😀"]],
    "N": [{"N": n} for n in ["1", "2", "-3", "10", "0.5", "1e3"]],
    "B": [{"B": base64.b64encode(b).decode()} for b in [b"\x00", b"\x01", b"\x01\x02", b"\xff"]],
}


def blob(r):
    return base64.b64encode(bytes(r.choices(range(256), k=r.choice([0, 1, 2, 3])))).decode()


def value(r, depth=0, bad=0.02):
    """A value; `bad` is how likely each part of it is malformed."""
    if r.random() < bad:
        return bad_value(r)
    kinds = TYPES if depth < 3 else TYPES[:5]
    kind = r.choice(kinds)
    if kind == "S":
        return {"S": r.choice(STRINGS)}
    if kind == "N":
        return {"N": r.choice(NUMBERS)}
    if kind == "B":
        return {"B": blob(r)}
    if kind == "BOOL":
        return {"BOOL": r.random() < 0.5}
    if kind == "NULL":
        return {"NULL": True}
    if kind == "M":
        names = r.sample(NAMES[:6], r.choice([0, 1, 2]))
        return {"M": {name: value(r, depth + 1, bad) for name in names}}
    if kind == "L":
        return {"L": [value(r, depth + 1, bad) for _ in range(r.choice([0, 1, 2, 3]))]}
    if kind == "SS":
        return {"SS": r.sample(STRINGS[1:], r.choice([1, 2, 3]))}
    if kind == "NS":
        return {"NS": r.sample(["0", "1", "2", "-1", "1.5", "10"], r.choice([1, 2, 3]))}
    return {"BS": r.sample(["", "AA==", "AQ==", "AQI="], r.choice([1, 2]))}


def bad_value(r):
    return r.choice([
        {}, {"S": "a", "N": "1"}, {"N": r.choice(BAD_NUMBERS)}, {"NULL": False}, {"SS": []}, {"NS": []},
        {"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}, {"BS": ["AA==", "AA=="]}, {"NS": ["1", "x"]}, {"BS": []},
    ])


def typed(r, name):
    """What is mostly in an attribute of this name, so that updates often fit; none for any value."""
    if name == "n":
        return {"N": r.choice(NUMBERS[:10])}
    if name == "ss":
        return {"SS": r.sample(STRINGS[1:], r.choice([1, 2, 3]))}
    if name == "ns":
        return {"NS": r.sample(["0", "1", "2", "-1", "1.5", "10"], r.choice([1, 2, 3]))}
    if name == "l":
        return {"L": [value(r, 2, 0) for _ in range(r.choice([0, 1, 2, 3]))]}
    if name == "m":
        return {"M": {name: typed(r, name) or value(r, 2, 0) for name in r.sample(["a", "n", "l", "m"], r.choice([1, 2]))}}
    return None


def item_of(r, table, bad):
    """An item of the table."""
    item = key_of(r, table, bad)
    for name in r.sample(NAMES, r.choice([0, 1, 2, 3, 5, 8])):
        item[name] = (r.random() < 0.8 and typed(r, name)) or value(r, 0, bad)
    return item


def key_of(r, table, bad=0.0):
    """A key of the table; if bad, one that does not fit."""
    _, partition, sort = table
    key = {"p": r.choice(KEYS[partition])}
    if sort:
        key["s"] = r.choice(KEYS[sort])
    if r.random() < bad:
        how = r.randrange(5)
        if how == 0:
            key.pop(r.choice(sorted(key)))
        elif how == 1:
            key["zz"] = {"S": "more"}
        elif how == 2:
            key[r.choice(sorted(key))] = r.choice([{"S": ""}, {"BOOL": True}, {"N": "1"}, {"S": "x"}, {"B": ""}])
        elif how == 3:
            key["p"] = {"S": "x" * 2049}
        else:
            key[r.choice(sorted(key))] = bad_value(r)
    return key
