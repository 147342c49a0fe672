//! Sockets: one HTTP client for plain loopback, one for TLS, each made at the first call that needs it.
//!
//! Enters: the URL of an endpoint. Leaves: the SDK's HTTP client: hyper with rustls on ring, no proxies, no redirects.
//! Fails where no root certificate can be read.
//!
//! The trust store is one PEM file, parsed once. The SDK's own way reads every file of the system's store, also for
//! plain HTTP, with hundreds of system calls at start.

use std::sync::OnceLock;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::{Error, Kind};

/// Amazon Linux 2023, as Lambda runs it, then the places of other systems, for a person's own machine.
const BUNDLES: [&str; 4] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
];

/// The process's HTTP clients.
#[derive(Debug, Default)]
pub struct Transport {
    plain: OnceLock<SharedHttpClient>,
    tls: OnceLock<SharedHttpClient>,
    /// Instead of both, in tests that look at requests and make up answers.
    replaced: Option<SharedHttpClient>,
    /// PEM of the roots to trust, instead of the system's.
    roots: Option<Vec<u8>>,
}

impl Transport {
    /// A transport of a test's own.
    pub fn replaced(client: SharedHttpClient) -> Self {
        Self { replaced: Some(client), ..Self::default() }
    }

    /// A transport that trusts these roots alone, in PEM.
    pub fn trusting(roots: Vec<u8>) -> Self {
        Self { roots: Some(roots), ..Self::default() }
    }

    /// The client for an endpoint.
    pub fn client(&self, url: &str) -> Result<SharedHttpClient, Error> {
        if let Some(client) = &self.replaced {
            return Ok(client.clone());
        }
        if url.starts_with("http:") {
            return Ok(self.plain.get_or_init(|| Builder::new().build_http()).clone());
        }
        if let Some(client) = self.tls.get() {
            return Ok(client.clone());
        }
        let client = tls_client(self.roots.clone())?;
        Ok(self.tls.get_or_init(|| client).clone())
    }
}

fn tls_client(roots: Option<Vec<u8>>) -> Result<SharedHttpClient, Error> {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    let mut system = BUNDLES.iter().filter_map(|path| std::fs::read(path).ok());
    let pem = match roots {
        Some(roots) => {
            Some(usable(&roots).ok_or_else(|| unusable("the roots to trust hold no certificate"))?)
        }
        None => system.find_map(|pem| usable(&pem)),
    };
    let Some(pem) = pem else {
        // Unknown system: let the SDK look for its store.
        return Ok(builder.build_https());
    };
    let store = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder()
        .with_trust_store(store)
        .build()
        .map_err(|_| unusable("the root certificates cannot be used"))?;
    Ok(builder.tls_context(context).build_https())
}

/// The bundle without the certificates that rustls does not take: the SDK would panic on them.
fn usable(pem: &[u8]) -> Option<Vec<u8>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect();
    let taken: Vec<&CertificateDer<'_>> = found
        .iter()
        .filter_map(|certificate| certificate.as_ref().ok())
        .filter(|certificate| webpki::anchor_from_trusted_cert(certificate).is_ok())
        .collect();
    if taken.is_empty() {
        return None;
    }
    if taken.len() == found.len() {
        return Some(pem.to_vec());
    }
    let written = taken.iter().map(|certificate| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
    });
    Some(written.collect::<String>().into_bytes())
}

fn unusable(what: &str) -> Error {
    Error::new(Kind::Internal, what)
}
