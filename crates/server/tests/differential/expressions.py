"""Random expressions over the whole grammar, with their placeholders; sometimes with a token changed."""

from values import NAMES, value

FUNCTIONS = ["attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"]
COMPARATORS = ["=", "<>", "<", "<=", ">", ">="]


class Placeholders:
    """Collects the names and values that an expression uses."""

    def __init__(self, r, bad):
        self.r, self.bad, self.names, self.values = r, bad, {}, {}

    def name(self, name):
        plain = name.isalnum() and name not in ("year",)
        if plain and self.r.random() < 0.7:
            return name
        key = f"#{len(self.names)}"
        self.names[key] = name
        return key

    def value(self, given=None):
        key = f":{len(self.values)}"
        self.values[key] = value(self.r, 1, self.bad) if given is None else given
        return key

    def into(self, request):
        r = self.r
        if r.random() < self.bad:
            self.values[":unused"] = {"S": "x"}
        if r.random() < self.bad and self.names:
            self.names.pop(r.choice(sorted(self.names)))
        if self.names:
            request["ExpressionAttributeNames"] = self.names
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return request


def path(r, p, names=NAMES):
    text = p.name(r.choice(names))
    while r.random() < 0.25:
        text += f"[{r.randrange(3)}]" if r.random() < 0.4 else "." + p.name(r.choice(NAMES[:6]))
    return text


def operand(r, p):
    roll = r.random()
    if roll < 0.5:
        return path(r, p)
    if roll < 0.9:
        return p.value()
    return f"size({path(r, p)})"


def condition(r, p, depth=0):
    roll = r.random()
    if depth < 3 and roll < 0.3:
        word = r.choice(["AND", "OR", "and", "Or"])
        return f"{condition(r, p, depth + 1)} {word} {condition(r, p, depth + 1)}"
    if depth < 3 and roll < 0.38:
        return f"NOT {condition(r, p, depth + 1)}"
    if depth < 3 and roll < 0.46:
        return f"({condition(r, p, depth + 1)})"
    if roll < 0.72:
        return f"{operand(r, p)} {r.choice(COMPARATORS)} {operand(r, p)}"
    if roll < 0.77:
        return f"{operand(r, p)} BETWEEN {operand(r, p)} AND {operand(r, p)}"
    if roll < 0.82:
        return f"{operand(r, p)} IN ({', '.join(operand(r, p) for _ in range(r.randint(1, 3)))})"
    function = r.choice(FUNCTIONS[:5])
    if function.startswith("attribute_") and function != "attribute_type":
        return f"{function}({path(r, p)})"
    if function == "attribute_type":
        kind = r.choice(["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "X"])
        return f"attribute_type({path(r, p)}, {p.value({'S': kind})})"
    return f"{function}({path(r, p)}, {operand(r, p)})"


def update(r, p):
    sections = r.sample(["SET", "REMOVE", "ADD", "DELETE"], r.choice([1, 1, 2, 3]))
    # Every attribute once, mostly: overlapping paths are a test of their own.
    names = r.sample(NAMES, len(NAMES))
    take = lambda: path(r, p, [names.pop()] if names and r.random() < 0.95 else NAMES)
    parts = []
    for section in sections:
        actions = []
        for _ in range(r.choice([1, 1, 2])):
            if section == "SET":
                actions.append(f"{take()} = {expression(r, p)}")
            elif section == "REMOVE":
                actions.append(take())
            elif section == "ADD":
                given = r.choice([{"N": "1"}, {"SS": ["a", "q"]}, {"NS": ["1", "7"]}, None])
                actions.append(f"{take()} {p.value(given)}")
            else:
                given = r.choice([{"SS": ["a", "b"]}, {"NS": ["1"]}, {"BS": ["AA=="]}, None])
                actions.append(f"{take()} {p.value(given)}")
        parts.append(f"{section} {', '.join(actions)}")
    return " ".join(parts)


def expression(r, p):
    roll = r.random()
    if roll < 0.4:
        return p.value()
    if roll < 0.5:
        return path(r, p)
    if roll < 0.65:
        return f"if_not_exists({path(r, p)}, {p.value()})"
    if roll < 0.75:
        return f"list_append({r.choice([path(r, p), p.value({'L': []})])}, {p.value({'L': [{'S': 'e'}]})})"
    left = r.choice([path(r, p), p.value({"N": "3"}), f"if_not_exists({path(r, p)}, {p.value({'N': '0'})})"])
    return f"{left} {r.choice('+-')} {p.value({'N': '2'})}"


def projection(r, p):
    return ", ".join(path(r, p, NAMES + ["p", "s"]) for _ in range(r.choice([1, 2, 3])))


def mutated(r, text):
    """The text with a token removed, doubled or exchanged."""
    tokens = text.split(" ")
    at = r.randrange(len(tokens))
    how = r.randrange(4)
    if how == 0:
        tokens.pop(at)
    elif how == 1:
        tokens.insert(at, tokens[at])
    elif how == 2:
        tokens[at] = r.choice(["(", ")", ",", "AND", "foo(a)", ":none", "#none", "1", "=", "size(a)", "SET", "a..b"])
    else:
        tokens[at] = f"({tokens[at]})"
    return " ".join(tokens)
