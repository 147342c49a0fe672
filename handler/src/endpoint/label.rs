//! What may stand between the dots of a host name.
//!
//! Enters: text. Leaves: whether it is one label, as RFC 1123 has it. Nothing fails.

/// One label of a host name (RFC 1123).
pub fn is_host_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
