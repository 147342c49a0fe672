//! An HTTP client that sends nothing: it keeps what it is asked to send and answers what it was told to.
//!
//! Enters: one answer. Leaves: that answer to every request, and the last request. Nothing fails.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::wire::Request;

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Answering {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub last: Last,
}

/// The last request.
#[derive(Debug, Clone, Default)]
pub struct Last(Arc<Mutex<Option<Request>>>);

impl Last {
    /// Takes it, so that the next call cannot be taken for this one.
    pub fn take(&self) -> Option<Request> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Answering {
    pub fn client(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
    }
}

impl HttpClient for Answering {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Answering {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        *self.last.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Request::sent(&request));
        let status = self.status.try_into().unwrap_or_else(|error| panic!("status {}: {error}", self.status));
        let mut response = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// The same, with an answer that changes between calls.
#[derive(Debug, Clone, Default)]
pub struct Changing(Arc<Mutex<Answering>>);

impl Changing {
    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    pub fn change(&self, answering: Answering) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answering;
    }
}

impl HttpClient for Changing {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Changing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).call(request)
    }
}
