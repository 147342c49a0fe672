//! An HTTP client that sends nothing: it keeps what it is asked to send and answers what it was told to.
//!
//! Enters: one answer. Leaves: that answer to every request, and the last request. Nothing fails.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::wire::Request;

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Answering {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub last: Last,
}

/// The same as the other side of a differential writes it, the body in base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    pub status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Sent {
    pub fn answering(&self) -> Answering {
        Answering {
            status: self.status,
            headers: self.headers.clone().into_iter().collect(),
            body: STANDARD.decode(&self.body).unwrap_or_else(|error| panic!("{error}")),
            ..Answering::default()
        }
    }
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

/// Answers given one after the other, and the requests that they were given to.
#[derive(Debug, Clone, Default)]
pub struct Sequence(Arc<Mutex<(VecDeque<Answering>, Vec<Request>)>>);

impl Sequence {
    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// What comes next; what was left is forgotten, as are the requests, which are given back.
    pub fn follow(&self, answers: impl IntoIterator<Item = Answering>) -> Vec<Request> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 = answers.into_iter().collect();
        std::mem::take(&mut kept.1)
    }
}

impl HttpClient for Sequence {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sequence {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1.push(Request::sent(&request));
        let none = || Answering { status: 500, body: b"no further answer".into(), ..Answering::default() };
        kept.0.pop_front().unwrap_or_else(none).call(request)
    }
}
