//! TLS of the listeners: the server's certificate, and whose clients' certificates are good.
//!
//! In: PEM files of `[rest]`. Out: what takes a connection over. Rule: TLS 1.3; a client certificate is asked for where a
//! CA is named, and is a must where there are no tokens; the key is for its owner alone. Files are read at the start and with each reload.
//! Spec: RFC 8446.

use super::secret::{self, SecretFault};
use crate::host::files;
use crate::policy::file::Rest as Settings;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ServerConfig, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file that cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key cannot be read, or not by its owner alone.
    #[error(transparent)]
    Key(#[from] SecretFault),
    /// It is not what it should be.
    #[error("{path}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// No certificate in a file.
    #[error("{path}: no certificate in it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("rest.tls_cert and rest.tls_key: {0}")]
    Pair(rustls::Error),
    /// The CA.
    #[error("rest.client_ca: {0}")]
    Ca(String),
}

/// `None` where no certificate is named.
pub(super) fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>, TlsFault> {
    let (Some(chain), Some(key)) = (&settings.tls_cert, &settings.tls_key) else { return Ok(None) };
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsFault::Pair)?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = verifier(path, provider, settings.tokens.is_some())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config =
        builder.with_single_cert(certificates(chain)?, read_key(key)?).map_err(TlsFault::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
    may_be_without: bool,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|why| TlsFault::Ca(why.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if may_be_without { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|why: VerifierBuilderError| TlsFault::Ca(why.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let text = files::read(path).map_err(|source| TlsFault::Read { path: path.to_owned(), source })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|source| TlsFault::Pem { path: path.to_owned(), source })?;
    if found.is_empty() { Err(TlsFault::Empty { path: path.to_owned() }) } else { Ok(found) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFault> {
    PrivateKeyDer::from_pem_slice(secret::read(path)?.as_bytes())
        .map_err(|source| TlsFault::Pem { path: path.to_owned(), source })
}
