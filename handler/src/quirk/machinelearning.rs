//! Amazon Machine Learning predicts at the model's own address, which the parameters name.

use crate::input::Bound;
use crate::input::value::Value;

/// The address that the call goes to, in place of the service's own.
pub fn address(bound: &Bound) -> Option<String> {
    match bound.member("PredictEndpoint") {
        Some(Value::String(address)) if bound.operation().name == "Predict" => Some(address.clone()),
        _ => None,
    }
}
