//! Which service and which operation a spelling means (section 1.2 of the contract).
//!
//! Enters: what users write, in any case, with or without hyphens: the JavaScript SDK's package suffix, the Step
//! Functions integration name, the boto3 name, the service id. Leaves: a place in the directory. Fails with the near
//! names. The names come from the models; collisions are settled by the generator's reviewed table, and one that is
//! not listed there fails the build.

use super::Service;
use super::blob::{NAMES, SERVICES};
use crate::error::{Error, Kind};
use crate::suggest;

/// The place of a service in the directory.
pub fn resolve(spelling: &str) -> Result<usize, Error> {
    let wanted = normalised(spelling);
    match NAMES.binary_search_by(|(name, _)| (*name).cmp(wanted.as_str())) {
        Ok(at) => Ok(NAMES.get(at).map_or(usize::MAX, |(_, service)| usize::from(*service))),
        Err(_) => Err(unknown_service(spelling, &wanted)),
    }
}

/// The canonical id that a spelling means, without inflating the service's model.
pub fn canonical_id(spelling: &str) -> Result<String, Error> {
    let at = resolve(spelling)?;
    Ok(SERVICES.get(at).map(|service| service.id.to_owned()).unwrap_or_default())
}

/// The action as the JavaScript SDK writes it: the first letter of the operation's name in lower case.
pub fn camel_case(operation: &str) -> String {
    let mut characters = operation.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

pub(super) fn unknown_operation(service: &Service, action: &str) -> Error {
    let near = suggest::nearest(action, service.operation_names().map(camel_case));
    Error::new(
        Kind::UnknownOperation,
        format!(
            "`{}` has no action `{}`{}",
            service.id(),
            suggest::shown(action),
            suggest::did_you_mean(&near)
        ),
    )
}

fn unknown_service(spelling: &str, wanted: &str) -> Error {
    // Aliases are compared, ids are shown.
    let near = suggest::nearest(wanted, NAMES.iter().map(|(name, _)| (*name).to_owned()));
    let mut ids: Vec<String> = near
        .iter()
        .filter_map(|near| NAMES.iter().find(|(name, _)| name == near))
        .filter_map(|(_, at)| Some(SERVICES.get(usize::from(*at))?.id.to_owned()))
        .collect();
    ids.dedup();
    Error::new(
        Kind::UnknownService,
        format!("no service is called `{}`{}", suggest::shown(spelling), suggest::did_you_mean(&ids)),
    )
}

fn normalised(spelling: &str) -> String {
    spelling.chars().filter(|c| !matches!(c, '-' | ' ' | '_' | '.')).flat_map(char::to_lowercase).collect()
}
