//! Amazon DynamoDB: every kind of attribute value, expressions, batches, transactions, and the account in the host.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes, Put,
    PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TransactWriteItem,
    Update, WriteRequest,
};
use tests::wire::Form;

use crate::{Suite, case, client};

const ACTIONS: [&str; 12] = [
    "batchGetItem",
    "batchWriteItem",
    "createTable",
    "deleteItem",
    "describeTable",
    "getItem",
    "listTables",
    "putItem",
    "query",
    "scan",
    "transactWriteItems",
    "updateItem",
];

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one case after another")]
async fn requests() {
    let mut suite = Suite::new("typed oracle, dynamodb", "dynamodb", Form::Json, &ACTIONS);
    let client = client!(aws_sdk_dynamodb, suite.typed());

    case!(
        suite,
        "putItem",
        {"TableName": "t", "Item": {
            "s": {"S": "é\u{1}\"\\ 日本"}, "n": {"N": "1.50"}, "b": {"B": "AP8="}, "null": {"NULL": true}, "bool": {"BOOL": false},
            "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1"]}, "bs": {"BS": ["AA==", "AQ=="]},
            "l": {"L": [{"S": ""}, {"L": []}]}, "m": {"M": {"x": {"M": {}}}}}},
        client
            .put_item()
            .table_name("t")
            .item("s", s("é\u{1}\"\\ 日本"))
            .item("n", n("1.50"))
            .item("b", AttributeValue::B(Blob::new([0, 255])))
            .item("null", AttributeValue::Null(true))
            .item("bool", AttributeValue::Bool(false))
            .item("ss", AttributeValue::Ss(vec!["a".into(), "b".into()]))
            .item("ns", AttributeValue::Ns(vec!["1".into()]))
            .item("bs", AttributeValue::Bs(vec![Blob::new([0]), Blob::new([1])]))
            .item("l", AttributeValue::L(vec![s(""), AttributeValue::L(vec![])]))
            .item("m", AttributeValue::M([("x".to_owned(), AttributeValue::M([].into()))].into()))
    );
    case!(
        suite,
        "putItem",
        {"TableName": "t", "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(#id) OR #e < :now",
         "ExpressionAttributeNames": {"#id": "id", "#e": "expiration"}, "ExpressionAttributeValues": {":now": {"N": "17"}},
         "ReturnValues": "ALL_OLD", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
        client
            .put_item()
            .table_name("t")
            .item("id", s("1"))
            .condition_expression("attribute_not_exists(#id) OR #e < :now")
            .expression_attribute_names("#id", "id")
            .expression_attribute_names("#e", "expiration")
            .expression_attribute_values(":now", n("17"))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    );
    case!(
        suite,
        "getItem",
        {"TableName": "t", "Key": {"id": {"S": "1"}}, "ConsistentRead": true, "ProjectionExpression": "a.b[0]"},
        client.get_item().table_name("t").key("id", s("1")).consistent_read(true).projection_expression("a.b[0]")
    );
    // The account of the ARN goes into the host.
    case!(
        suite,
        "getItem",
        {"TableName": "arn:aws:dynamodb:us-west-2:444455556666:table/t", "Key": {"id": {"N": "-0"}}},
        client
            .get_item()
            .table_name("arn:aws:dynamodb:us-west-2:444455556666:table/t")
            .key("id", n("-0"))
    );
    case!(
        suite,
        "updateItem",
        {"TableName": "t", "Key": {"id": {"S": "1"}}, "UpdateExpression": "SET #s = :s ADD c :one",
         "ExpressionAttributeNames": {"#s": "status"}, "ExpressionAttributeValues": {":s": {"S": "DONE"}, ":one": {"N": "1"}}},
        client
            .update_item()
            .table_name("t")
            .key("id", s("1"))
            .update_expression("SET #s = :s ADD c :one")
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":s", s("DONE"))
            .expression_attribute_values(":one", n("1"))
    );
    case!(
        suite,
        "deleteItem",
        {"TableName": "t", "Key": {"id": {"B": "AA=="}}},
        client.delete_item().table_name("t").key("id", AttributeValue::B(Blob::new([0])))
    );
    case!(
        suite,
        "query",
        {"TableName": "t", "IndexName": "i", "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "1"}},
         "ScanIndexForward": false, "Limit": 10, "ExclusiveStartKey": {"id": {"S": "0"}}},
        client
            .query()
            .table_name("t")
            .index_name("i")
            .key_condition_expression("id = :id")
            .expression_attribute_values(":id", s("1"))
            .scan_index_forward(false)
            .limit(10)
            .exclusive_start_key("id", s("0"))
    );
    case!(
        suite,
        "scan",
        {"TableName": "t", "Segment": 0, "TotalSegments": 4},
        client.scan().table_name("t").segment(0).total_segments(4)
    );
    case!(
        suite,
        "batchGetItem",
        {"RequestItems": {"t": {"Keys": [{"id": {"S": "1"}}], "ConsistentRead": true}}},
        client.batch_get_item().request_items(
            "t",
            KeysAndAttributes::builder()
                .keys([("id".to_owned(), s("1"))].into())
                .consistent_read(true)
                .build()
                .unwrap()
        )
    );
    case!(
        suite,
        "batchWriteItem",
        {"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "1"}}}}]}},
        client.batch_write_item().request_items(
            "t",
            vec![
                WriteRequest::builder()
                    .put_request(PutRequest::builder().item("id", s("1")).build().unwrap())
                    .build()
            ]
        )
    );
    case!(
        suite,
        "transactWriteItems",
        {"ClientRequestToken": "token-1", "TransactItems": [
            {"Put": {"TableName": "t", "Item": {"id": {"S": "1"}}}},
            {"Update": {"TableName": "u", "Key": {"id": {"S": "2"}}, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"BOOL": true}}}}]},
        client
            .transact_write_items()
            .client_request_token("token-1")
            .transact_items(
                TransactWriteItem::builder()
                    .put(Put::builder().table_name("t").item("id", s("1")).build().unwrap())
                    .build()
            )
            .transact_items(
                TransactWriteItem::builder()
                    .update(
                        Update::builder()
                            .table_name("u")
                            .key("id", s("2"))
                            .update_expression("SET a = :a")
                            .expression_attribute_values(":a", AttributeValue::Bool(true))
                            .build()
                            .unwrap()
                    )
                    .build()
            )
    );
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
    let attribute = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    case!(
        suite,
        "createTable",
        {"TableName": "t", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
         "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"},
        client
            .create_table()
            .table_name("t")
            .key_schema(key)
            .attribute_definitions(attribute)
            .billing_mode(BillingMode::PayPerRequest)
    );
    case!(suite, "describeTable", {"TableName": "t"}, client.describe_table().table_name("t"));
    case!(suite, "listTables", {}, client.list_tables());

    suite.finish();
}
