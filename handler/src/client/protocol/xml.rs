//! Whether an XML answer is a whole document, and a service's own.
//!
//! Enters: the body of an answer that says it is well. Leaves: nothing. Fails where the document breaks off, its tags
//! do not match, it nests too deep, or its root is none of the protocol's: the SDK's readers take members where they
//! find them, and would make an empty success of a proxy's page and a partial one of half an answer.

use xmlparser::{ElementEnd, Token, Tokenizer};

use crate::catalog::model::Protocol;

/// Open elements at once: far more than any model has, and far less than a stack takes.
const DEPTH_LIMIT: usize = 128;

pub fn check(protocol: Protocol, body: &[u8]) -> Result<(), String> {
    let root_ends = match protocol {
        Protocol::AwsQuery | Protocol::Ec2Query => "Response",
        Protocol::RestXml if body.is_empty() => return Ok(()),
        // Roots of S3 are not in its model.
        Protocol::RestXml => "",
        Protocol::AwsJson1_0 | Protocol::AwsJson1_1 | Protocol::RestJson1 | Protocol::RpcV2Cbor => {
            return Ok(());
        }
    };
    let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    let root = root(text)?;
    if root.eq_ignore_ascii_case("html") || !root.ends_with(root_ends) {
        return Err("its root element is not the service's".to_owned());
    }
    Ok(())
}

/// The name of the root, of a document that was read to its end.
fn root(text: &str) -> Result<&str, String> {
    let (mut root, mut open) = (None, Vec::new());
    for token in Tokenizer::from(text) {
        // The parser's own message may quote the text.
        match token.map_err(|_| "it is not XML")? {
            Token::ElementStart { span, local, .. } => {
                if open.is_empty() && root.replace(local.as_str()).is_some() {
                    return Err("it has two roots".to_owned());
                }
                if open.len() >= DEPTH_LIMIT {
                    return Err("it is nested too deep".to_owned());
                }
                open.push(span.as_str().trim_start_matches('<'));
            }
            Token::ElementEnd { end: ElementEnd::Empty, .. } => {
                open.pop();
            }
            Token::ElementEnd { end: ElementEnd::Close(..), span } => {
                let name = span.as_str().trim_start_matches("</").trim_end_matches('>').trim_end();
                if open.pop() != Some(name) {
                    return Err("its tags do not match".to_owned());
                }
            }
            _ => {}
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        Some(_) => Err("it breaks off".to_owned()),
        None => Err("it has no root element".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(protocol: Protocol, body: &str) -> Result<(), String> {
        check(protocol, body.as_bytes())
    }

    #[test]
    fn whole_documents_pass() {
        for (protocol, body) in [
            (
                Protocol::AwsQuery,
                "<?xml version='1.0'?>\n<PublishResponse xmlns='u'><a b='c'/></PublishResponse >\n",
            ),
            (
                Protocol::Ec2Query,
                "<a:DescribeRegionsResponse xmlns:a='u'><a:b>&lt;</a:b></a:DescribeRegionsResponse>",
            ),
            (Protocol::RestXml, "<!-- c --><ListBucketResult><![CDATA[</x>]]></ListBucketResult>"),
            (Protocol::RestXml, ""),
            (Protocol::RestJson1, "<"),
        ] {
            checked(protocol, body).unwrap_or_else(|fault| panic!("{body}: {fault}"));
        }
    }

    #[test]
    fn what_is_no_answer_of_a_service_does_not() {
        for (protocol, body, fault) in [
            (Protocol::AwsQuery, "", "no root"),
            (Protocol::AwsQuery, "<html></html>", "root element"),
            (Protocol::RestXml, "<HTML></HTML>", "root element"),
            (Protocol::RestXml, "hello", "not XML"),
            (Protocol::RestXml, "<a>", "breaks off"),
            (Protocol::RestXml, "<a><b>", "breaks off"),
            (Protocol::RestXml, "<a><b></a></b>", "do not match"),
            (Protocol::RestXml, "<a/><b/>", ""),
            (Protocol::RestXml, "</a>", ""),
            (Protocol::RestXml, "<a b=\"", ""),
        ] {
            let found = checked(protocol, body).unwrap_err();
            assert!(found.contains(fault), "{body}: {found}");
        }
        let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
        assert_eq!(checked(Protocol::RestXml, &deep).unwrap_err(), "it is nested too deep");
        assert_eq!(check(Protocol::RestXml, b"<a>\xff</a>").unwrap_err(), "it is not UTF-8");
    }
}
