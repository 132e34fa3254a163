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


def operand(r, p, ordered=False):
    """An operand; of operators that order, mostly one that has an order."""
    roll = r.random()
    if roll < 0.5:
        return path(r, p)
    if roll < 0.9:
        return p.value(r.choice([{"N": "1"}, {"S": "a"}, {"N": "10"}, {"S": "b"}]) if ordered and r.random() < 0.9 else None)
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
        comparator = r.choice(COMPARATORS)
        ordered = comparator not in ("=", "<>")
        return f"{operand(r, p, ordered)} {comparator} {operand(r, p, ordered)}"
    if roll < 0.77:
        return f"{operand(r, p, True)} BETWEEN {operand(r, p, True)} AND {operand(r, p, True)}"
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

    def take(fitting=None):
        if fitting and r.random() < 0.75:
            known = [name for name in fitting if name in names]
            if known:
                names.remove(known[0])
                return p.name(known[0])
        if names and r.random() < 0.95:
            name = names.pop()
            # Ways into a map or a list that are often there.
            if name == "m" and r.random() < 0.7:
                return f"{p.name('m')}.{p.name(r.choice('anlmz'))}"
            if name == "l" and r.random() < 0.7:
                return f"{p.name('l')}[{r.randrange(4)}]"
            return p.name(name) if r.random() < 0.9 else path(r, p, [name])
        return path(r, p)

    parts = []
    for section in sections:
        actions = []
        for _ in range(r.choice([1, 1, 2])):
            if section == "SET":
                actions.append(f"{take()} = {expression(r, p)}")
            elif section == "REMOVE":
                actions.append(take())
            elif section == "ADD":
                name, given = r.choice([("n", {"N": "1"}), ("ss", {"SS": ["a", "q"]}), ("ns", {"NS": ["1", "7"]})] * 6 + [("a", None)])
                actions.append(f"{take([name])} {p.value(given)}")
            else:
                name, given = r.choice([("ss", {"SS": ["a", "b"]}), ("ns", {"NS": ["1"]}), ("d", {"BS": ["AA=="]})] * 6 + [("a", None)])
                actions.append(f"{take([name])} {p.value(given)}")
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
        first = p.name("l") if r.random() < 0.5 else p.value({"L": []})
        return f"list_append({first}, {p.value({'L': [{'S': 'e'}]})})"
    how = r.randrange(3)
    if how == 0:
        left = p.name("n")
    elif how == 1:
        left = p.value({"N": "3"})
    else:
        left = f"if_not_exists({p.name('n')}, {p.value({'N': '0'})})"
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
