//! Wanted items that stand in an S3 object, as many as a store holds.
//!
//! Enters: `itemsFrom`, which says where the object is and how to read it. Leaves: its items, wanted of the store. Fails
//! as the reading of the object does, and with `CrossRegion.InvalidParameters`: a fault of an item names the line in
//! which it begins, never what stands there.
//!
//! All of the object is read before anything else is done. Of its items no more are kept than a store can hold, so that
//! a function of 128 MB lives through any object.

use super::difference::Difference;
use super::items::{self, KEY_LIMIT, NAMES, Names, STORE_LIMIT, VALUE_LIMIT};
use crate::error::{Error, Fault, Faults, Kind};
use crate::fields::Fields;
use crate::procedure::Calls;
use crate::procedure::source::{Format, Source};
use crate::region::Regions;

/// Items of an object.
const ITEMS_LIMIT: usize = 200_000;

/// As the file has them from which CloudFront fills a store that it makes.
const IMPORTED: Names = ["key", "value"];

/// What CloudFront imports is an object with this member, an array.
const IMPORT: &str = "data";

const FORMATS: [(&str, Format); 3] = [
    ("json", Format::Json(IMPORT)),
    ("jsonLines", Format::JsonLines),
    ("csv", Format::Csv(&[NAMES, IMPORTED])),
];

/// Bytes of an item, several times what its key and its value can come to with every byte escaped.
const ITEM_BYTES: usize = 1 << 16;
const _: () = assert!(4 * 6 * (KEY_LIMIT + VALUE_LIMIT) < ITEM_BYTES);

const PARAMETER: &str = "itemsFrom";

pub fn read(fields: &mut Fields<'_>, regions: &Regions) -> Option<Source> {
    Source::read(fields, regions, PARAMETER, &FORMATS, ITEM_BYTES)
}

/// Reads the object into what is wanted.
pub(crate) async fn want_all(
    source: &Source,
    calls: &Calls<'_>,
    wanted: &mut Difference,
) -> Result<(), Error> {
    let mut rows = source.rows(calls, None);
    let mut faults = Faults::default();
    while let Some(row) = rows.next(&mut faults).await? {
        let names = if IMPORTED.iter().any(|name| row.has(name)) { IMPORTED } else { NAMES };
        row.read(&mut faults, |item| items::read(item, names, wanted));
        let too_much = if wanted.bytes() > STORE_LIMIT {
            Some(format!("its items come to more than the {STORE_LIMIT} bytes of a store"))
        } else if wanted.wanted() > ITEMS_LIMIT {
            Some(format!("it holds more than {ITEMS_LIMIT} items"))
        } else {
            None
        };
        if let Some(message) = too_much {
            faults.push(Fault::new(format!("parameters.{PARAMETER}"), message));
            break;
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::faults(Kind::InvalidParameters, faults)) }
}
