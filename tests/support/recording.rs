//! An HTTP client that keeps what it was asked to send and answers as it is told.
//!
//! Enters: a function from request to reply. Leaves: that reply to every request, and the requests. Nothing fails.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use crate::wire::Request;

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    /// Status 200 without a body.
    pub fn empty() -> Self {
        Self::ok("")
    }

    pub fn ok(body: impl Into<String>) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    #[must_use]
    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

/// Clones share what was seen.
#[derive(Clone)]
pub struct Recording {
    seen: Arc<Mutex<Vec<(String, Request)>>>,
    answer: Arc<dyn Fn(&Request) -> Reply + Send + Sync>,
}

impl Recording {
    pub fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self { seen: Arc::default(), answer: Arc::new(answer) }
    }

    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The requests so far, which are forgotten.
    pub fn take(&self) -> Vec<Request> {
        self.take_with_urls().into_iter().map(|(_, request)| request).collect()
    }

    /// The same with their URLs to the letter.
    pub fn take_with_urls(&self) -> Vec<(String, Request)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording")
    }
}

impl HttpClient for Recording {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Recording {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let Self { seen, answer } = self.clone();
        HttpConnectorFuture::new(async move {
            let body = std::mem::replace(request.body_mut(), SdkBody::taken());
            let body = body.collect().await.map_err(ConnectorError::user)?;
            *request.body_mut() = SdkBody::from(body.to_bytes());
            let (url, request) = (request.uri().to_owned(), Request::sent(&request));
            let reply = answer(&request);
            seen.lock().unwrap().push((url, request));
            let status = reply.status.try_into().map_err(|error| ConnectorError::user(Box::new(error)))?;
            let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
            for (name, value) in reply.headers {
                response.headers_mut().append(name, value);
            }
            Ok(response)
        })
    }
}
