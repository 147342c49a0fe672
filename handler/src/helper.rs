//! Calls that another call needs first: a session for a directory bucket, or the address that a service tells itself.
//!
//! Enters: a call that is about to be sent. Leaves: the same with the session's credentials, or going to the address.
//! Fails as the helper call does, with `effect` none, since the call itself was not sent; a helper call needs an
//! entry of its own in the operation table.
//!
//! What was learnt is kept across invocations until shortly before it expires, for each identity apart.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use serde_json::{Map, Value as Json};

use crate::catalog::Operation;
use crate::catalog::model::Auth;
use crate::client::{Answer, Clients, Route};
use crate::drive::Caller;
use crate::effect::Effect;
use crate::error::{Error, Kind, Trouble};
use crate::input::Bound;
use crate::quirk::{directory_bucket, endpoint_discovery};
use crate::table::Permit;
use crate::target::{self, Wanted};

/// Answers of helper calls.
#[derive(Debug, Default)]
pub struct Helpers {
    sessions: Kept<SessionKey, Credentials>,
    addresses: Kept<AddressKey, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SessionKey {
    identity: String,
    url: String,
    bucket: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AddressKey {
    identity: String,
    service: &'static str,
    region: String,
}

impl Helpers {
    /// Where the call goes, with whatever has to be asked for first.
    pub async fn route(
        &self,
        caller: &Caller<'_>,
        wanted: Wanted<'_>,
        bound: &Bound,
        permit: Permit,
    ) -> Result<Route, Error> {
        let route = target::route(bound, permit.clone(), wanted)?;
        if route.auth.scheme == Auth::Sigv4S3Express {
            let session = self.session(caller, wanted, bound, &route).await?;
            return Ok(Route { session: Some(session), ..route });
        }
        // An endpoint that the caller names is final.
        if wanted.endpoint.is_none() && endpoint_discovery::is_required(bound.operation()) {
            let address = self.address(caller, wanted, bound.operation()).await?;
            return target::route_to(bound, permit, wanted, address);
        }
        Ok(route)
    }

    /// Whether the service has moved, so that the call should be routed and sent once more; what was known is
    /// forgotten. A service that is no longer there has done nothing.
    pub fn has_moved(&self, operation: &Operation, error: &Error) -> bool {
        let moved = may_move(operation) && endpoint_discovery::has_moved(error);
        if moved {
            self.addresses.forget(|key| key.service == operation.service.id());
        }
        moved
    }

    async fn session(
        &self,
        caller: &Caller<'_>,
        wanted: Wanted<'_>,
        bound: &Bound,
        route: &Route,
    ) -> Result<Credentials, Error> {
        let bucket = directory_bucket::bucket(bound)?;
        let identity = identity(caller.clients).await;
        let key = SessionKey { identity, url: route.endpoint.url.clone(), bucket: bucket.clone() };
        if let Some(session) = self.sessions.find(&key, SystemTime::now()) {
            return Ok(session);
        }
        let helper = bound.operation().service.operation(directory_bucket::HELPER)?;
        let parameters = Map::from_iter([("Bucket".to_owned(), Json::String(bucket))]);
        let answer = ask(caller, wanted, helper, parameters).await?;
        let (session, expiry) = directory_bucket::read(&answer)?;
        self.sessions.keep(key, session.clone(), expiry);
        Ok(session)
    }

    async fn address(
        &self,
        caller: &Caller<'_>,
        wanted: Wanted<'_>,
        operation: &'static Operation,
    ) -> Result<String, Error> {
        let key = AddressKey {
            identity: identity(caller.clients).await,
            service: operation.service.id(),
            region: caller.region.to_string(),
        };
        if let Some(address) = self.addresses.find(&key, SystemTime::now()) {
            return Ok(address);
        }
        let helper = operation.service.operation(endpoint_discovery::HELPER)?;
        let answer = ask(caller, wanted, helper, Map::new()).await?;
        let (address, lasts) = endpoint_discovery::read(&answer)?;
        self.addresses.keep(key, address.clone(), SystemTime::now() + lasts);
        Ok(address)
    }
}

/// Whether the service tells where the call goes, and may tell another place the next time.
pub fn may_move(operation: &Operation) -> bool {
    endpoint_discovery::is_required(operation)
}

/// The helper call itself. Boxed, since few calls need it and all would hold the room for it.
async fn ask(
    caller: &Caller<'_>,
    wanted: Wanted<'_>,
    helper: &'static Operation,
    parameters: Map<String, Json>,
) -> Result<Answer, Error> {
    Box::pin(caller.ask(wanted, helper, parameters)).await.map_err(|error| explained(helper, error))
}

/// The call that was asked for was not sent, whatever became of its helper.
fn explained(helper: &Operation, mut error: Error) -> Error {
    let message = format!("`{}`, which this call needs first, failed: {}", helper.action(), error.message);
    if error.name() == Kind::OutcomeUnknown.name() {
        return Error::new(Kind::Unreachable, message).with_trouble(Trouble::NeverSent);
    }
    error.message = message;
    error.with_effect(Effect::None)
}

/// Whose calls these are: what one identity was told is not for another.
async fn identity(clients: &Clients) -> String {
    let credentials = clients.credentials().provide_credentials().await;
    credentials.map(|credentials| credentials.access_key_id().to_owned()).unwrap_or_default()
}

/// Values that expire.
#[derive(Debug)]
struct Kept<K, V>(Mutex<HashMap<K, (V, SystemTime)>>);

/// Like the clients, sessions are kept for so many buckets at most.
const KEPT: usize = 64;

/// A value that is about to expire would be refused on its way.
const MARGIN: Duration = Duration::from_secs(10);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn find(&self, key: &K, now: SystemTime) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(_, expiry)| now + MARGIN < *expiry).map(|(value, _)| value.clone())
    }

    fn keep(&self, key: K, value: V, expiry: SystemTime) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, (value, expiry));
    }

    fn forget(&self, which: impl Fn(&K) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| !which(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_until_shortly_before_it_expires() {
        let kept = Kept::default();
        let now = SystemTime::now();
        kept.keep("bucket", 1, now + Duration::from_mins(5));
        assert_eq!(kept.find(&"bucket", now), Some(1));
        assert_eq!(kept.find(&"bucket", now + Duration::from_secs(289)), Some(1));
        assert_eq!(kept.find(&"bucket", now + Duration::from_secs(290)), None);
        assert_eq!(kept.find(&"another", now), None);
        kept.forget(|key| *key == "bucket");
        assert_eq!(kept.find(&"bucket", now), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let kept = Kept::default();
        for at in 0..1_000 {
            kept.keep(at, at, SystemTime::now() + Duration::from_mins(5));
        }
        assert!(kept.0.lock().unwrap().len() <= KEPT);
    }

    #[test]
    fn a_helper_that_went_unanswered_leaves_the_call_unsent() {
        let helper = crate::catalog::service("s3").unwrap().operation("CreateSession").unwrap();
        let error =
            explained(helper, Error::new(Kind::OutcomeUnknown, "no answer").with_effect(Effect::Unknown));
        assert_eq!((error.name(), error.effect), ("CrossRegion.Unreachable", Effect::None));
        let error =
            explained(helper, Error::service(None, Some("AccessDenied"), "no").with_effect(Effect::Unknown));
        assert_eq!((error.name(), error.effect), ("AccessDenied", Effect::None));
        assert_eq!(error.message, "`createSession`, which this call needs first, failed: no");
    }
}
