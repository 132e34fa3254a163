//! Where a DynamoDB API is, and whom to trust there: what `backup`, `import` and `bench` are told alike.
//!
//! The names are those of AWS's own tools, so that a shell that is set up for them is for us, too.

use crate::client::{ClientError, DynamoClient, HttpClient, https, trusting};
use std::path::PathBuf;

/// Whom to trust, for commands that are not told.
const AUTHORITY_VARIABLE: &str = "AWS_CA_BUNDLE";

/// Where the DynamoDB API is.
#[derive(clap::Args, Debug)]
pub(crate) struct Endpoint {
    /// The DynamoDB API; AWS_ACCESS_KEY_ID and the like say who asks
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    endpoint: String,
    #[command(flatten)]
    trust: Trust,
}

impl Endpoint {
    /// A client for it.
    pub(crate) fn client(&self) -> Result<DynamoClient, ClientError> {
        DynamoClient::new(&self.endpoint, self.trust.http()?)
    }
}

/// Whom to trust there.
#[derive(clap::Args, Debug)]
pub(crate) struct Trust {
    /// Whom to trust if it is an https address: a PEM file [default: the environment's AWS_CA_BUNDLE,
    /// or the authorities that browsers know]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Trust {
    /// Connections to whom is trusted.
    pub(crate) fn http(&self) -> Result<HttpClient, ClientError> {
        let named = std::env::var_os(AUTHORITY_VARIABLE).filter(|named| !named.is_empty());
        match self.ca.clone().or(named.map(PathBuf::from)) {
            Some(authority) => trusting(&authority).map_err(ClientError::Authority),
            None => Ok(https()),
        }
    }
}
