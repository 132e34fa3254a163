//! Taking a signature apart, wherever a request has it.

use super::canonical::decoded;
use super::{ALGORITHM, Signature};
use crate::error::{ApiError, ErrorKind};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use std::borrow::Cow;

/// What every scheme of AWS begins with.
const SCHEME: &str = "AWS4-";

/// Elements of a credential: access key, date, region, service, terminator.
const CREDENTIAL_ELEMENTS: usize = 5;

impl<'a> Signature<'a> {
    /// Takes the signature of a request apart.
    ///
    /// # Errors
    /// If there is none, or two, or a part of it is missing.
    pub fn read(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Self, ApiError> {
        let query = uri.query().filter(|query| parameter(query, "X-Amz-Algorithm").is_some());
        match (authorization(headers)?, query) {
            (Some(_), Some(_)) => Err(ApiError::new(
                ErrorKind::InvalidSignature,
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP \
                 header.",
            )),
            (Some(header), None) => from_header(header, headers),
            (None, Some(query)) => from_query(query),
            (None, None) => Err(missing()),
        }
    }
}

fn missing() -> ApiError {
    let message = "Request is missing Authentication Token";
    ApiError::new(ErrorKind::MissingAuthenticationToken, message)
}

fn incomplete(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::IncompleteSignature, message)
}

fn authorization(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(incomplete("The request has more than one Authorization header."));
    }
    Ok(first.and_then(|value| value.to_str().ok()))
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn from_header<'a>(header: &'a str, headers: &'a HeaderMap) -> Result<Signature<'a>, ApiError> {
    let header = header.trim();
    if !header.starts_with(SCHEME) {
        return Err(missing());
    }
    let (algorithm, parts) = header.split_once(' ').unwrap_or((header, ""));
    if algorithm != ALGORITHM {
        return Err(incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
    }
    let part = |name: &str| {
        let pairs = parts.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(n, value)| *n == name && !value.is_empty()).map(|(_, value)| value).next()
    };
    let date = ["x-amz-date", "date"].iter().find_map(|name| headers.get(*name)?.to_str().ok());
    let parts = (part("Credential"), part("Signature"), part("SignedHeaders"), date);
    let (Some(credential), Some(signature), Some(signed_headers), Some(timestamp)) = parts else {
        let mut message = String::new();
        for (name, part) in
            [("Credential", parts.0), ("Signature", parts.1), ("SignedHeaders", parts.2)]
        {
            if part.is_none() {
                message += &format!("Authorization header requires '{name}' parameter. ");
            }
        }
        if date.is_none() {
            message += "Authorization header requires existence of either a 'X-Amz-Date' or a \
                        'Date' header. ";
        }
        return Err(incomplete(format!("{message}Authorization={header}")));
    };
    assemble(
        Cow::Borrowed(credential),
        Cow::Borrowed(signed_headers),
        Cow::Borrowed(signature),
        Cow::Borrowed(timestamp),
        None,
    )
}

/// The parameters of a presigned request.
fn from_query(query: &str) -> Result<Signature<'_>, ApiError> {
    let mut message = String::new();
    let mut take = |name: &str| match parameter(query, name) {
        Some(value) if !value.is_empty() => decoded(value),
        _ => {
            message += &format!("AWS query-string parameters must include '{name}'. ");
            Cow::Borrowed("")
        }
    };
    let algorithm = take("X-Amz-Algorithm");
    let credential = take("X-Amz-Credential");
    let signature = take("X-Amz-Signature");
    let signed_headers = take("X-Amz-SignedHeaders");
    let timestamp = take("X-Amz-Date");
    let expires = take("X-Amz-Expires");
    if !message.is_empty() {
        return Err(incomplete(format!("{message}Re-examine the query-string parameters.")));
    }
    if algorithm != ALGORITHM {
        return Err(incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
    }
    assemble(credential, signed_headers, signature, timestamp, Some(expires))
}

/// A parameter of a query, as it stands there.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(n, _)| *n == name).map(|(_, value)| value).next()
}

fn assemble<'a>(
    credential: Cow<'a, str>,
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    expires: Option<Cow<'a, str>>,
) -> Result<Signature<'a>, ApiError> {
    let elements: Vec<Cow<'a, str>> = match &credential {
        Cow::Borrowed(text) => text.split('/').map(Cow::Borrowed).collect(),
        Cow::Owned(text) => text.split('/').map(|part| Cow::Owned(part.to_owned())).collect(),
    };
    let Ok([access_key, date, region, service, terminator]) =
        <[Cow<'a, str>; CREDENTIAL_ELEMENTS]>::try_from(elements)
    else {
        return Err(incomplete(format!(
            "Credential must have exactly {CREDENTIAL_ELEMENTS} slash-delimited elements, e.g. \
             keyid/date/region/service/term, got '{credential}'"
        )));
    };
    Ok(Signature {
        access_key,
        date,
        region,
        service,
        terminator,
        signed_headers,
        signature,
        timestamp,
        expires,
    })
}
