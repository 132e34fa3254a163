//! A certificate and its key, as files.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use crate::settings::TlsSettings;

/// What is spoken above TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// The two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What tells two files from those that were there before; one that is not there has nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<Facts>; 2]);

#[derive(Debug, PartialEq, Eq)]
struct Facts {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Files {
    /// The files that the settings name; `None` if they name none.
    pub(super) fn of(settings: &TlsSettings) -> Result<Option<Self>, TlsError> {
        match (&settings.certificate, &settings.key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(Self { certificate: certificate.clone(), key: key.clone() }))
            }
            (Some(_), None) => Err(TlsError::Half { given: "certificate", missing: "key" }),
            (None, Some(_)) => Err(TlsError::Half { given: "key", missing: "certificate" }),
        }
    }

    /// What the files are now. One that cannot be looked at is like one that is not there.
    pub(super) fn stamp(&self) -> Stamp {
        let one = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some(Facts {
                device: found.dev(),
                inode: found.ino(),
                bytes: found.size(),
                changed: (found.mtime(), found.mtime_nsec()),
            })
        };
        Stamp([one(&self.certificate), one(&self.key)])
    }

    /// Reads both and puts them together.
    pub(super) fn config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = self.chain()?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            let none = "there is no private key in it, or an encrypted one: decrypt it";
            failed(&self.key, reason(error, none))
        })?;
        let refused = |error: rustls::Error| match error {
            rustls::Error::InconsistentKeys(_) => {
                failed(&self.key, format!("it is not the key of {}", self.certificate.display()))
            }
            error => failed(&self.certificate, error.to_string()),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(refused)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Arc::new(config))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let none = "there is no certificate in it";
        let refused = |error| failed(&self.certificate, reason(error, none));
        let found = CertificateDer::pem_file_iter(&self.certificate).map_err(refused)?;
        let chain = found.collect::<Result<Vec<_>, _>>().map_err(refused)?;
        if chain.is_empty() {
            return Err(failed(&self.certificate, none.to_owned()));
        }
        Ok(chain)
    }
}

fn failed(path: &Path, why: String) -> TlsError {
    TlsError::File { path: path.to_owned(), why }
}

fn reason(error: pem::Error, none: &str) -> String {
    match error {
        pem::Error::NoItemsFound => none.to_owned(),
        pem::Error::Io(error) => error.to_string(),
        // The parser would show what it found: in a key's file that is nobody's business.
        pem::Error::MissingSectionEnd { .. } => "it is not PEM: a section has no end".to_owned(),
        pem::Error::Base64Decode(_) => "it is not PEM: a section is not base 64".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}
