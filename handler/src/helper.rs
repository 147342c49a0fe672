//! Calls that another call needs first: for the credentials of a role, for a session with a directory bucket, or for
//! the address that a service tells itself.
//!
//! Enters: a call that is about to be sent. Leaves: the same with the credentials, or going to the address. Fails as
//! the helper call does, with `effect` none, since the call itself was not sent; a helper call needs an entry of its
//! own in the operation table, but for a role, which the entry of the call lists.
//!
//! What was learnt is kept across invocations until shortly before it expires, for each identity apart.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use serde_json::{Map, Value as Json};

use crate::catalog::model::Auth;
use crate::catalog::{self, Operation};
use crate::client::role::{self, AssumeRole, Assumed};
use crate::client::{Answer, Clients, Route};
use crate::drive::{Caller, Pace};
use crate::effect::Effect;
use crate::error::{Error, Kind, Trouble};
use crate::event::Retry;
use crate::input::{self, Bound};
use crate::quirk::{directory_bucket, endpoint_discovery};
use crate::table::Permit;
use crate::target::{self, Wanted};

/// Answers of helper calls.
#[derive(Debug, Default)]
pub struct Helpers {
    roles: Kept<AssumeRole, Credentials>,
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
    /// The credentials of the role in whose name `permit` lets a call be made. They hold in every Region, so one
    /// answer serves all calls of an hour, be they pages, polls or other targets.
    pub async fn assumed(
        &self,
        caller: &Caller<'_>,
        asked: &AssumeRole,
        permit: &Permit,
    ) -> Result<Assumed, Error> {
        let role = asked.role.clone();
        if let Some(credentials) = self.roles.find(asked, SystemTime::now()) {
            return Ok(Assumed { role, credentials });
        }
        let region = caller.region.as_str();
        let (credentials, expiry) = assume(caller, asked, permit)
            .await
            .map_err(|error| unassumed(error).for_call(role::SERVICE, "assumeRole", region))?;
        self.roles.keep(asked.clone(), credentials.clone(), expiry - ROLE_MARGIN);
        Ok(Assumed { role, credentials })
    }

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
        let identity = identity(caller.clients, wanted).await;
        let key = SessionKey { identity, url: route.endpoint.url.clone(), bucket: bucket.clone() };
        if let Some(session) = self.sessions.find(&key, SystemTime::now()) {
            return Ok(session);
        }
        let helper = bound.operation().service.operation(directory_bucket::HELPER)?;
        let parameters = Map::from_iter([("Bucket".to_owned(), Json::String(bucket))]);
        let answer = ask(caller, wanted, helper, parameters).await?;
        let (session, expiry) = role::credentials(&answer, &helper.action())?;
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
            identity: identity(caller.clients, wanted).await,
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

/// Asks STS in the target's Region, in the function's own name whatever the role: no role is assumed by another.
/// Assuming one changes nothing, so it is repeated also where the call itself must not be.
async fn assume(
    caller: &Caller<'_>,
    asked: &AssumeRole,
    permit: &Permit,
) -> Result<(Credentials, SystemTime), Error> {
    let operation = catalog::service(role::SERVICE)?.operation(role::OPERATION)?;
    let wanted = Wanted {
        region: caller.region.as_str(),
        endpoint: caller.local,
        options: caller.options,
        account_id: None,
        assumed: None,
    };
    let bound = input::bind(operation, asked.parameters())?;
    let route = target::route(&bound, permit.to_assume_role(), wanted)?;
    let pace = Pace { retry: Retry::SDK, ..caller.pace };
    let answer = caller.clients.send(bound, &route, pace.patience()?).await?;
    role::credentials(&answer, &operation.action())
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
pub fn explained(helper: &Operation, error: Error) -> Error {
    unsent(&format!("`{}`, which this call needs first, failed", helper.action()), error)
}

fn unassumed(error: Error) -> Error {
    unsent("the role cannot be assumed, so the call was not made", error)
}

fn unsent(why: &str, mut error: Error) -> Error {
    let message = format!("{why}: {}", error.message);
    if error.name() == Kind::OutcomeUnknown.name() {
        return Error::new(Kind::Unreachable, message).with_trouble(Trouble::NeverSent);
    }
    error.message = message;
    error.with_effect(Effect::None)
}

/// Whose calls these are: what one identity was told is not for another.
async fn identity(clients: &Clients, wanted: Wanted<'_>) -> String {
    if let Some(assumed) = wanted.assumed {
        return assumed.credentials.access_key_id().to_owned();
    }
    let credentials = clients.credentials().provide_credentials().await;
    credentials.map(|credentials| credentials.access_key_id().to_owned()).unwrap_or_default()
}

/// A call that begins with a role's credentials may go on for a while, and its repeats are signed with them, too.
const ROLE_MARGIN: Duration = Duration::from_mins(5);

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
