"""Signature Version 4 with nothing but the standard library: in a header, and presigned in the query.

Source: "Signing AWS API requests", IAM User Guide. An implementation of its own, so that it is one more
witness beside the crate that the property tests use.
"""

import datetime
import hashlib
import hmac
import urllib.parse

ACCESS_KEY, SECRET = "AKIDDIFF", "differential+secret/key"
REGION, SERVICE = "us-east-1", "dynamodb"
ALGORITHM = "AWS4-HMAC-SHA256"


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(date, secret=SECRET):
    key = ("AWS4" + secret).encode()
    for part in [date, REGION, SERVICE, "aws4_request"]:
        key = digest(key, part)
    return key


def quoted(text):
    return urllib.parse.quote(text, safe="-_.~")


def signature(query, headers, body, timestamp):
    names = sorted(headers)
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    pairs = "&".join(f"{name}={value}" for name, value in sorted((quoted(n), quoted(v)) for n, v in query.items()))
    canonical = "\n".join(["POST", "/", pairs, lines, ";".join(names), hashlib.sha256(body).hexdigest()])
    scope = f"{timestamp[:8]}/{REGION}/{SERVICE}/aws4_request"
    text = "\n".join([ALGORITHM, timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return digest(signing_key(timestamp[:8]), text).hex()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def signed(host, headers, body):
    """Path and headers of a request that is signed in a header."""
    timestamp = now()
    headers = {**headers, "host": host, "x-amz-date": timestamp}
    made = signature({}, headers, body, timestamp)
    scope = f"{ACCESS_KEY}/{timestamp[:8]}/{REGION}/{SERVICE}/aws4_request"
    headers["authorization"] = f"{ALGORITHM} Credential={scope}, SignedHeaders={';'.join(sorted(set(headers)))}, Signature={made}"
    return "/", headers


def presigned(host, headers, body, more=None):
    """Path and headers of a request that is signed in its query; `more` are parameters of the query."""
    timestamp = now()
    headers = {**headers, "host": host}
    query = {
        **(more or {}),
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{ACCESS_KEY}/{timestamp[:8]}/{REGION}/{SERVICE}/aws4_request",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": "300",
        "X-Amz-SignedHeaders": ";".join(sorted(headers)),
    }
    made = signature(query, headers, body, timestamp)
    text = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in query.items())
    return f"/?{text}&X-Amz-Signature={made}", headers


def tampered(r, path, headers, body):
    """The request with one thing changed that its signature covers."""
    how = r.randrange(3 if "authorization" in headers else 4)
    if how == 0:
        body = body + b" "
    elif how == 1:
        other = "DescribeLimits" if headers["x-amz-target"].endswith("ListTables") else "ListTables"
        headers = {**headers, "x-amz-target": f"DynamoDB_20120810.{other}"}
    elif how == 2 and "authorization" in headers:
        last = headers["authorization"][-1]
        headers = {**headers, "authorization": headers["authorization"][:-1] + ("0" if last != "0" else "1")}
    elif how == 2:
        path = path[:-1] + ("0" if path[-1] != "0" else "1")
    else:
        path = path.replace("X-Amz-Expires=300", "X-Amz-Expires=301")
    return path, headers, body
