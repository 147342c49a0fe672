//! Amazon CloudFront KeyValueStore: one host for each account, signed for every Region at once.

use aws_sdk_cloudfrontkeyvaluestore::types::{DeleteKeyRequestListItem, PutKeyRequestListItem};
use tests::wire::Form;

use crate::{Suite, case, client};

const ACTIONS: [&str; 6] =
    ["deleteKey", "describeKeyValueStore", "getKey", "listKeys", "putKey", "updateKeys"];

const STORE: &str = "arn:aws:cloudfront::123456789012:key-value-store/11112222-3333-4444-5555-666677778888";

#[tokio::test]
async fn requests() {
    let service = "cloudfront-keyvaluestore";
    let mut suite = Suite::new("typed oracle, cloudfront-keyvaluestore", service, Form::Json, &ACTIONS);
    let client = client!(aws_sdk_cloudfrontkeyvaluestore, suite.typed());

    case!(
        suite,
        "describeKeyValueStore",
        {"KvsARN": STORE},
        client.describe_key_value_store().kvs_arn(STORE)
    );
    for key in ["plain", "a b+c", "path/to/é", "100%", "?q=1&r=2#f", "日本", "~-_.!*'()", "a//b", "trailing/"]
    {
        case!(suite, "getKey", {"KvsARN": STORE, "Key": key}, client.get_key().kvs_arn(STORE).key(key));
        case!(
            suite,
            "putKey",
            {"KvsARN": STORE, "Key": key, "Value": "é\"\\\n", "IfMatch": "E1"},
            client.put_key().kvs_arn(STORE).key(key).value("é\"\\\n").if_match("E1")
        );
    }
    case!(
        suite,
        "deleteKey",
        {"KvsARN": STORE, "Key": "k", "IfMatch": "ETVPDKIKX0DER"},
        client.delete_key().kvs_arn(STORE).key("k").if_match("ETVPDKIKX0DER")
    );
    case!(suite, "listKeys", {"KvsARN": STORE}, client.list_keys().kvs_arn(STORE));
    case!(
        suite,
        "listKeys",
        {"KvsARN": STORE, "MaxResults": 50, "NextToken": "t/+= é"},
        client.list_keys().kvs_arn(STORE).max_results(50).next_token("t/+= é")
    );
    let put =
        |key: &str, value: &str| PutKeyRequestListItem::builder().key(key).value(value).build().unwrap();
    case!(
        suite,
        "updateKeys",
        {"KvsARN": STORE, "IfMatch": "E2", "Puts": [{"Key": "a", "Value": ""}, {"Key": "é", "Value": "{\"x\":1}"}], "Deletes": [{"Key": "b"}]},
        client
            .update_keys()
            .kvs_arn(STORE)
            .if_match("E2")
            .puts(put("a", ""))
            .puts(put("é", "{\"x\":1}"))
            .deletes(DeleteKeyRequestListItem::builder().key("b").build().unwrap())
    );

    suite.finish();
}
