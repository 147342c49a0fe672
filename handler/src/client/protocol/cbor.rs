//! What the SDK's reader of CBOR takes otherwise than it is meant.
//!
//! Enters: an answer. Leaves: the same, its timestamps later by half a microsecond: they are seconds as floats, of which
//! the reader cuts off all below the millisecond; no float is 1,700,000,000.080, the nearest one is below it, and would
//! be read as 079. And with a byte behind it that begins no item: at the end of the input the reader finds an empty
//! structure, again and again where a list of structures does not end. Nothing fails: what is no CBOR is for the reader
//! to judge.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;

/// Less than any service means, more than a float of this century misses.
const HALF_A_MICROSECOND: f64 = 0.000_000_5;

const TAG_OF_TIME: u8 = 0xc1;
const DOUBLE: u8 = 0xfb;

/// A head that stands for nothing.
const RESERVED: u8 = 0x1c;

/// An answer that comes out right.
pub fn mended(response: &HttpResponse) -> Option<HttpResponse> {
    let mut body = response.body().bytes()?.to_vec();
    // Behind what breaks off inside of a text, it would become a part of that.
    if mend(&mut body) {
        body.push(RESERVED);
    }
    let mut mended = HttpResponse::new(response.status(), SdkBody::from(body));
    *mended.headers_mut() = response.headers().clone();
    Some(mended)
}

/// The heads of a document's items, one after the other, however they are nested. True if there are some, all whole.
fn mend(body: &mut [u8]) -> bool {
    let mut at = 0;
    let mut is_time = false;
    while let Some(head) = body.get(at).copied() {
        let (major, minor) = (head >> 5, usize::from(head & 0x1f));
        let width = if (24..28).contains(&minor) { 1 << (minor - 24) } else { 0 };
        let Some(argument) = body.get_mut(at + 1..at + 1 + width) else { return false };
        if is_time
            && head == DOUBLE
            && let Ok(bytes) = <[u8; 8]>::try_from(&*argument)
        {
            argument.copy_from_slice(&(f64::from_be_bytes(bytes) + HALF_A_MICROSECOND).to_be_bytes());
        }
        is_time = head == TAG_OF_TIME;
        let is_text = matches!(major, 2 | 3);
        let content = match minor {
            0..24 if is_text => minor,
            24..28 if is_text => argument.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)),
            _ => 0,
        };
        at = (at + 1 + width).saturating_add(content);
    }
    at == body.len() && at > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: f64) -> Vec<u8> {
        [&[TAG_OF_TIME, DOUBLE][..], &seconds.to_be_bytes()].concat()
    }

    fn read(mut body: Vec<u8>) -> String {
        mend(&mut body);
        let time = aws_smithy_cbor::Decoder::new(&body).timestamp().unwrap();
        crate::output::value::timestamp(time).as_str().unwrap().to_owned()
    }

    #[test]
    fn every_millisecond_is_read_as_it_was_meant() {
        for millis in 0..1000 {
            let seconds = format!("1700000000.{millis:03}").parse().unwrap();
            assert_eq!(read(time(seconds)), format!("2023-11-14T22:13:20.{millis:03}Z"));
            let before = format!("-17009124.{millis:03}").parse().unwrap();
            let expected = if millis == 0 {
                "1969-06-18T03:14:36.000Z".to_owned()
            } else {
                format!("1969-06-18T03:14:35.{:03}Z", 1000 - millis)
            };
            assert_eq!(read(time(before)), expected);
        }
        assert_eq!(read(vec![TAG_OF_TIME, 0x1a, 0x65, 0x53, 0xf1, 0x00]), "2023-11-14T22:13:20.000Z");
    }

    #[test]
    fn a_list_that_does_not_end_is_no_list_of_empty_structures() {
        use aws_smithy_cbor::codec::{CborCodec, CborCodecSettings};
        use aws_smithy_schema::codec::Codec;
        use aws_smithy_schema::serde::ShapeDeserializer;
        let mended = |body: &[u8]| {
            let response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body.to_vec()));
            super::mended(&response).unwrap().body().bytes().unwrap().to_vec()
        };
        for whole in [&[0x9f_u8, 0xa0][..], &[0x9f, 0xa0, 0xff]] {
            let body = mended(whole);
            assert_eq!(body, [whole, &[RESERVED]].concat());
            let mut found = 0;
            let codec = CborCodec::new(CborCodecSettings::default());
            let read = codec.create_deserializer(&body).read_list(
                &aws_smithy_schema::prelude::DOCUMENT,
                &mut |item| {
                    found += 1;
                    assert!(found < 10, "it comes to no end");
                    item.read_struct(&aws_smithy_schema::prelude::DOCUMENT, &mut |_, _| Ok(()))
                },
            );
            assert_eq!(read.is_ok(), whole.ends_with(&[0xff]));
        }
        for part in [&[][..], &[0x62, b'a'], &[0x9f, 0x18]] {
            assert_eq!(mended(part), part);
        }
    }

    /// Only a float behind the tag is one: not the same bytes in text or in bytes, not a float alone.
    #[test]
    fn nothing_else_changes() {
        let bytes = time(1.5);
        let long = vec![b'a'; 300];
        let others = [
            [&[0x4a][..], &bytes].concat(),
            [&[0x58, 10][..], &bytes].concat(),
            [&[0x7f, 0x6a][..], &bytes, &[0xff]].concat(),
            [&[0x9f, 0x79, 0x01, 0x2c][..], &long, &[0xff]].concat(),
            [&[DOUBLE][..], &1.5_f64.to_be_bytes()].concat(),
            vec![TAG_OF_TIME, DOUBLE, 1, 2],
            vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            vec![],
        ];
        for other in others {
            let mut mended = other.clone();
            mend(&mut mended);
            assert_eq!(mended, other);
        }
        // In a map, behind a text as long as it says.
        let mut map = [&[0xa1, 0x62, b'a', b'b'][..], &bytes].concat();
        let before = map.clone();
        mend(&mut map);
        assert_ne!(map, before);
    }
}
