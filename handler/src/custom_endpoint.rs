//! An endpoint other than the one the rules would choose, as the event and the operation table name it.
//!
//! Enters: text. Leaves: a [`CustomEndpoint`]: scheme, host, port and base path, of which two are equal if they lead to
//! the same place. Fails with a sentence on the part that an endpoint may not have. The parser is the HTTP client's
//! own, and only what was understood is written back, so that no second reading of the text can lead elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

use crate::region::is_host_label;

/// Bytes of an endpoint's text.
const LENGTH_LIMIT: usize = 2_048;

/// Bytes of a host name (RFC 1035).
const HOST_LIMIT: usize = 253;

/// Where requests go: https, or http to this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CustomEndpoint {
    https: bool,
    host: Host,
    port: u16,
    /// Without the slash at its end: empty, or `/v1`.
    path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    /// Lower case.
    Name(String),
    Loopback(IpAddr),
}

impl CustomEndpoint {
    pub fn parse(text: &str) -> Result<Self, String> {
        let endpoint = Self::resolved(text)?;
        if !endpoint.path.split('/').skip(1).all(is_plain_segment) {
            return Err("an endpoint's path has only letters, digits, `-`, `_`, `.` and `~`".to_owned());
        }
        Ok(endpoint)
    }

    /// What endpoint rules made: as [`CustomEndpoint::parse`], but the path may hold an encoded bucket or ARN.
    pub fn resolved(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH_LIMIT {
            return Err(format!("an endpoint has at most {LENGTH_LIMIT} bytes"));
        }
        // The parser drops a fragment and takes the rest for what it is; none of them may be there at all.
        for (mark, part) in [('#', "a fragment"), ('?', "a query"), ('@', "user information")] {
            if text.contains(mark) {
                return Err(format!("an endpoint may not have {part}"));
            }
        }
        let no_url = || "is no URL such as `https://host/path`".to_owned();
        let uri: Uri = text.parse().map_err(|_| no_url())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(no_url());
        };
        let https = scheme == "https";
        if !https && scheme != "http" {
            return Err("an endpoint's scheme is https".to_owned());
        }
        let host = Host::parse(authority.host())?;
        if !https && !host.is_loopback() {
            return Err("plain http is only for this machine (127.0.0.0/8, ::1, localhost)".to_owned());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => default_port(https),
            _ => authority.port_u16().filter(|port| *port > 0).ok_or("an endpoint's port is 1 to 65535")?,
        };
        let path = uri.path().trim_end_matches('/');
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("an endpoint's path may not have `.` or `..`".to_owned());
        }
        Ok(Self { https, host, port, path: path.to_owned() })
    }

    /// The host as it stands in a URL.
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// Without the slash at its end: empty, or `/v1`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The endpoint is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host.is_loopback()
    }

    /// https on its own port.
    pub fn is_plain_https(&self) -> bool {
        self.https && self.port == default_port(true)
    }

    /// Whether `resolved` is this endpoint, perhaps with labels in front of the host and a longer path: there endpoint
    /// rules and host prefixes put buckets and accounts. Whoever owns a host owns the names below it.
    pub fn covers(&self, resolved: &Self) -> bool {
        let covers_host = match (&self.host, &resolved.host) {
            (Host::Name(own), Host::Name(name)) => name == own || is_below(name, own),
            (own, other) => own == other,
        };
        let covers_path =
            resolved.path.strip_prefix(&self.path).is_some_and(|it| it.is_empty() || it.starts_with('/'));
        covers_host && covers_path && self.https == resolved.https && self.port == resolved.port
    }
}

impl fmt::Display for CustomEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.host)?;
        if self.port != default_port(self.https) {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match bracketed {
            Some(inside) => Some(IpAddr::V6(inside.parse::<Ipv6Addr>().map_err(|_| "is no IP address")?)),
            None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        if let Some(address) = address {
            let host = Self::Loopback(address);
            return if address.is_loopback() { Ok(host) } else { Err(ip_address()) };
        }
        if text.ends_with('.') {
            return Err("an endpoint's host may not end in a dot".to_owned());
        }
        // Resolvers read `127.1`, `0x7f000001` and `2130706433` as addresses, too.
        if text.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_digit()))
        {
            return Err(ip_address());
        }
        if text.len() > HOST_LIMIT || !text.split('.').all(is_host_label) {
            return Err("an endpoint's host has labels of letters, digits and hyphens".to_owned());
        }
        Ok(Self::Name(text))
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || is_below(name, "localhost"),
            Self::Loopback(_) => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Loopback(IpAddr::V4(address)) => address.fmt(f),
            Self::Loopback(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Whether `name` is `domain` with at least one label in front.
pub fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')).is_some_and(|labels| !labels.is_empty())
        && !domain.is_empty()
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

fn is_plain_segment(segment: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    !segment.is_empty() && segment.bytes().all(plain)
}

fn ip_address() -> String {
    "an endpoint's host is a name; IP addresses are only for this machine (127.0.0.0/8, ::1)".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> CustomEndpoint {
        CustomEndpoint::parse(text).unwrap_or_else(|message| panic!("{text}: {message}"))
    }

    #[test]
    fn endpoints_that_lead_to_the_same_place_are_equal() {
        for (text, shown) in [
            (
                "https://vpce-1.s3.us-west-2.vpce.amazonaws.com",
                "https://vpce-1.s3.us-west-2.vpce.amazonaws.com",
            ),
            ("HTTPS://Example.COM:443/", "https://example.com"),
            ("https://example.com:0443//", "https://example.com"),
            ("https://example.com:8443/Base/v1/", "https://example.com:8443/Base/v1"),
            ("http://127.8.0.1:4566", "http://127.8.0.1:4566"),
            ("http://[::1]:80/", "http://[::1]"),
            ("https://[0:0::1]:443", "https://[::1]"),
            ("http://LOCALHOST:1", "http://localhost:1"),
            ("http://123.localhost", "http://123.localhost"),
        ] {
            assert_eq!(endpoint(text).to_string(), shown);
            assert_eq!(endpoint(text), endpoint(shown), "{text}");
        }
        assert_ne!(endpoint("https://example.com/Base"), endpoint("https://example.com/base"));
        assert_ne!(endpoint("https://example.com"), endpoint("https://example.com:8443"));
        assert_ne!(endpoint("https://localhost:80"), endpoint("http://localhost:80"));
    }

    #[test]
    fn each_part_that_an_endpoint_may_not_have_is_named() {
        for (text, message) in [
            ("https://user@example.com", "user information"),
            ("https://user:secret@example.com", "user information"),
            ("https://example.com@evil.com", "user information"),
            ("https://example.com/?x=1", "a query"),
            ("https://example.com?", "a query"),
            ("https://evil.com/#.example.com", "a fragment"),
            ("https://example.com.", "end in a dot"),
            ("https://example.com.:443", "end in a dot"),
            ("https://93.184.216.34", "IP addresses"),
            ("https://[2001:db8::1]", "IP addresses"),
            ("https://[::ffff:127.0.0.1]", "IP addresses"),
            ("https://[::1%25lo]", "is no"),
            ("https://[::1", "is no"),
            ("https://0x7f000001", "IP addresses"),
            ("https://2130706433", "IP addresses"),
            ("https://127.1", "IP addresses"),
            ("https://0177.0.0.1", "IP addresses"),
            ("https://169.254.169.254/latest", "IP addresses"),
            ("http://example.com", "plain http"),
            ("http://127.0.0.1.evil.com", "plain http"),
            ("http://localhost.evil.com", "plain http"),
            ("http://evillocalhost", "plain http"),
            ("http://128.0.0.1", "IP addresses"),
            ("ftp://example.com", "scheme"),
            ("file:///etc/passwd", "is no"),
            ("example.com", "is no"),
            ("//example.com", "is no"),
            ("/path", "is no"),
            ("", "is no"),
            ("https://", "is no"),
            ("https:///path", "is no"),
            ("https://:443", ""),
            ("https://example.com:", "port"),
            ("https://example.com:0", "port"),
            ("https://example.com:65536", ""),
            ("https://example.com:44x", ""),
            ("https://example.com:443:443", ""),
            ("https://*.example.com", "labels"),
            ("https://exa_mple.com", "labels"),
            ("https://-example.com", "labels"),
            ("https://a..example.com", "labels"),
            ("https://exämple.com", ""),
            ("https://exam%70le.com", ""),
            ("https://example.com\\@evil.com", "user information"),
            ("https://example.com\\.evil.com", ""),
            ("https://exam ple.com", "is no"),
            (" https://example.com", "is no"),
            ("https://example.com\n", "is no"),
            ("https://example.com/a/../b", "path"),
            ("https://example.com/./b", "path"),
            ("https://example.com/a//b", "path"),
            ("https://example.com/%2e%2e", "path"),
            ("https://example.com/a;b", "path"),
            (&format!("https://{}.com", "a.".repeat(130)), "labels"),
            (&format!("https://example.com/{}", "a".repeat(3_000)), "bytes"),
        ] {
            match CustomEndpoint::parse(text) {
                Ok(endpoint) => panic!("{text} was taken for {endpoint}"),
                Err(refusal) => assert!(refusal.contains(message), "{text}: {refusal}"),
            }
        }
    }

    #[test]
    fn what_rules_made_may_have_a_longer_path() {
        let bucket = "https://s3.us-west-2.amazonaws.com/arn%3Aaws%3As3//My_Bucket!";
        assert_eq!(CustomEndpoint::resolved(bucket).unwrap().host(), "s3.us-west-2.amazonaws.com");
        for text in
            ["https://example.com/v1/..", "https://x@example.com/", "https://10.0.0.1/", "https://a.com/#"]
        {
            CustomEndpoint::resolved(text).unwrap_err();
        }
    }

    #[test]
    fn below_is_on_the_boundary_of_a_label() {
        assert!(is_below("s3.amazonaws.com", "amazonaws.com"));
        for (name, domain) in
            [("amazonaws.com", "amazonaws.com"), ("evilamazonaws.com", "amazonaws.com"), ("a.", "")]
        {
            assert!(!is_below(name, domain), "{name} {domain}");
        }
    }

    #[test]
    fn an_endpoint_covers_what_rules_make_of_it() {
        let own = endpoint("https://example.com/v1");
        for text in
            ["https://example.com/v1", "https://bucket.example.com/v1", "https://a.b.example.com:443/v1/key"]
        {
            assert!(own.covers(&endpoint(text)), "{text}");
        }
        for text in [
            "https://example.com",
            "https://example.com/v2",
            "https://example.com/v10",
            "https://evilexample.com/v1",
            "https://example.com.evil.com/v1",
            "https://com/v1",
            "https://example.com:8443/v1",
        ] {
            assert!(!own.covers(&endpoint(text)), "{text}");
        }
        let local = endpoint("http://127.0.0.1:4566");
        assert!(local.covers(&endpoint("http://127.0.0.1:4566/bucket")));
        assert!(!local.covers(&endpoint("http://127.0.0.2:4566")));
        assert!(!local.covers(&endpoint("http://localhost:4566")));
        assert!(!local.covers(&endpoint("https://127.0.0.1:4566")));
    }
}
