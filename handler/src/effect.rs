//! What an error says about the world: whether the call took effect.
//!
//! Enters: the record of every attempt. Leaves: one [`Effect`]. Nothing fails.

use serde::Serialize;

/// Whether the operation was carried out, as far as anyone on this side can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Certainly not done.
    #[default]
    None,
    /// Certainly done.
    Done,
    /// Sent, and no answer that settles it.
    Unknown,
}

impl Effect {
    /// What two attempts together amount to: one done is done, one unknown taints the rest.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Done, _) | (_, Self::Done) => Self::Done,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::None,
        }
    }
}
