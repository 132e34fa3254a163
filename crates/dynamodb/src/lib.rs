//! The public DynamoDB protocol: requests, responses, errors, expressions; no I/O.
