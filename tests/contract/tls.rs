//! Calls over TLS, against a server of the test's own with a certificate of its own.
//!
//! Nothing here reaches AWS, so this is where the handler's TLS is really spoken: a trusted root, an untrusted one, a
//! certificate for another name, and a bundle in which one certificate is damaged.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use handler::client::Clients;
use handler::client::transport::Transport;
use handler::deadline::Deadline;
use handler::dispatch::Handler;
use handler::effect::Effect;
use handler::error::Error;
use handler::telemetry::Invocation;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tests::invoked::config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 25\r\n\r\n{\"TableNames\":[\"orders\"]}";

/// A server that answers every request with a list of tables; leaves its port and its certificate in PEM.
async fn server(name: &str) -> (u16, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut request = Vec::new();
                let mut read_now = [0; 4096];
                // The body of this request is `{}`.
                while !request.ends_with(b"{}") {
                    match stream.read(&mut read_now).await {
                        Ok(read) if read > 0 => request.extend_from_slice(&read_now[..read]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(ANSWER.as_bytes()).await;
                let _ = stream.flush().await;
            });
        }
    });
    (port, cert.pem())
}

async fn list_tables(port: u16, transport: Transport) -> Result<Value, Error> {
    let endpoint = format!("https://localhost:{port}");
    let table = json!([{"service": "dynamodb", "actions": ["listTables"], "regions": ["us-west-2"], "endpoints": [endpoint]}]);
    let config = config(&table);
    let credentials = SharedCredentialsProvider::new(Credentials::new("key", "secret", None, None, "test"));
    let handler = Handler::new(config, Clients::new(credentials, transport)).unwrap();
    let event =
        json!({"service": "dynamodb", "action": "listTables", "region": "us-west-2", "endpoint": endpoint});
    let deadline = Deadline::within(Duration::from_secs(20));
    let result = handler.handle(event.to_string().as_bytes(), deadline, &mut Invocation::default()).await?;
    Ok(serde_json::from_str(result.get()).unwrap())
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to() {
    let (port, root) = server("localhost").await;
    let result = list_tables(port, Transport::trusting(root.into_bytes())).await.unwrap();
    assert_eq!(result["TableNames"], json!(["orders"]));
}

#[tokio::test]
async fn a_damaged_certificate_in_the_bundle_is_left_out() {
    let (port, root) = server("localhost").await;
    let damaged = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    let result =
        list_tables(port, Transport::trusting(format!("{damaged}{root}").into_bytes())).await.unwrap();
    assert_eq!(result["TableNames"], json!(["orders"]));
    let error = list_tables(port, Transport::trusting(damaged.into())).await.unwrap_err();
    assert_eq!(error.name(), "CrossRegion.Internal");
}

#[tokio::test]
async fn an_untrusted_server_gets_nothing() {
    let (port, _) = server("localhost").await;
    let (_, other) = server("localhost").await;
    for transport in [Transport::trusting(other.into_bytes()), Transport::default()] {
        let error = list_tables(port, transport).await.unwrap_err();
        assert_eq!((error.name(), error.effect), ("CrossRegion.Unreachable", Effect::None), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_none() {
    let (port, root) = server("example.com").await;
    let error = list_tables(port, Transport::trusting(root.into_bytes())).await.unwrap_err();
    assert_eq!((error.name(), error.effect), ("CrossRegion.Unreachable", Effect::None), "{error}");
}
