//! Amazon Bedrock's knowledge bases and agents: tokens, unions, floats, blobs, ARNs as labels, lists in queries.

use aws_sdk_bedrockagent::primitives::Blob;
use aws_sdk_bedrockagent::types::{
    ByteContentDoc, ChunkingConfiguration, ChunkingStrategy, ContentDataSourceType, CustomContent,
    CustomDocumentIdentifier, CustomSourceType, DataSourceConfiguration, DataSourceType, DocumentContent,
    FixedSizeChunkingConfiguration, IngestionJobFilter, IngestionJobFilterAttribute,
    IngestionJobFilterOperator, IngestionJobSortBy, IngestionJobSortByAttribute, InlineContent,
    InlineContentType, KnowledgeBaseDocument, KnowledgeBaseState, PromptInferenceConfiguration,
    PromptModelInferenceConfiguration, PromptTemplateConfiguration, PromptTemplateType, PromptVariant,
    S3DataSourceConfiguration, SortOrder, TextPromptTemplateConfiguration, VectorIngestionConfiguration,
};
use tests::wire::Form;

use crate::{Suite, case, client};

const ACTIONS: [&str; 12] = [
    "createAgent",
    "createDataSource",
    "createPrompt",
    "deleteAgent",
    "getIngestionJob",
    "ingestKnowledgeBaseDocuments",
    "listIngestionJobs",
    "listKnowledgeBases",
    "startIngestionJob",
    "tagResource",
    "untagResource",
    "updateAgentKnowledgeBase",
];

const ARN: &str = "arn:aws:bedrock:us-west-2:123456789012:knowledge-base/KB12345678";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one case after another")]
async fn requests() {
    let mut suite = Suite::new("typed oracle, bedrock-agent", "bedrock-agent", Form::Json, &ACTIONS);
    let client = client!(aws_sdk_bedrockagent, suite.typed());

    case!(
        suite,
        "startIngestionJob",
        {"knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678", "clientToken": "t".repeat(33), "description": "é \"quoted\"\n"},
        client
            .start_ingestion_job()
            .knowledge_base_id("KB12345678")
            .data_source_id("DS12345678")
            .client_token("t".repeat(33))
            .description("é \"quoted\"\n")
    );
    case!(
        suite,
        "getIngestionJob",
        {"knowledgeBaseId": "a/b", "dataSourceId": "c d", "ingestionJobId": "é%"},
        client.get_ingestion_job().knowledge_base_id("a/b").data_source_id("c d").ingestion_job_id("é%")
    );
    case!(
        suite,
        "listIngestionJobs",
        {"knowledgeBaseId": "KB", "dataSourceId": "DS", "maxResults": 5, "nextToken": "n/+=",
         "filters": [{"attribute": "STATUS", "operator": "EQ", "values": ["COMPLETE", "FAILED"]}],
         "sortBy": {"attribute": "STARTED_AT", "order": "DESCENDING"}},
        client
            .list_ingestion_jobs()
            .knowledge_base_id("KB")
            .data_source_id("DS")
            .max_results(5)
            .next_token("n/+=")
            .filters(
                IngestionJobFilter::builder()
                    .attribute(IngestionJobFilterAttribute::Status)
                    .operator(IngestionJobFilterOperator::Eq)
                    .values("COMPLETE")
                    .values("FAILED")
                    .build()
                    .unwrap()
            )
            .sort_by(
                IngestionJobSortBy::builder()
                    .attribute(IngestionJobSortByAttribute::StartedAt)
                    .order(SortOrder::Descending)
                    .build()
                    .unwrap()
            )
    );
    case!(suite, "listKnowledgeBases", {}, client.list_knowledge_bases());
    case!(suite, "listKnowledgeBases", {"maxResults": 1}, client.list_knowledge_bases().max_results(1));
    case!(
        suite,
        "createDataSource",
        {"knowledgeBaseId": "KB", "name": "covers", "clientToken": "token",
         "dataSourceConfiguration": {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::covers", "inclusionPrefixes": ["a/", "é/"]}},
         "vectorIngestionConfiguration": {"chunkingConfiguration": {"chunkingStrategy": "FIXED_SIZE", "fixedSizeChunkingConfiguration": {"maxTokens": 300, "overlapPercentage": 20}}}},
        client
            .create_data_source()
            .knowledge_base_id("KB")
            .name("covers")
            .client_token("token")
            .data_source_configuration(
                DataSourceConfiguration::builder()
                    .r#type(DataSourceType::S3)
                    .s3_configuration(
                        S3DataSourceConfiguration::builder()
                            .bucket_arn("arn:aws:s3:::covers")
                            .inclusion_prefixes("a/")
                            .inclusion_prefixes("é/")
                            .build()
                            .unwrap()
                    )
                    .build()
                    .unwrap()
            )
            .vector_ingestion_configuration(
                VectorIngestionConfiguration::builder()
                    .chunking_configuration(
                        ChunkingConfiguration::builder()
                            .chunking_strategy(ChunkingStrategy::FixedSize)
                            .fixed_size_chunking_configuration(
                                FixedSizeChunkingConfiguration::builder()
                                    .max_tokens(300)
                                    .overlap_percentage(20)
                                    .build()
                                    .unwrap()
                            )
                            .build()
                            .unwrap()
                    )
                    .build()
            )
    );
    case!(
        suite,
        "ingestKnowledgeBaseDocuments",
        {"knowledgeBaseId": "KB", "dataSourceId": "DS", "clientToken": "token", "documents": [{"content": {"dataSourceType": "CUSTOM", "custom": {
            "customDocumentIdentifier": {"id": "1"}, "sourceType": "IN_LINE",
            "inlineContent": {"type": "BYTE", "byteContent": {"mimeType": "application/pdf", "data": "AP8Q"}}}}}]},
        client
            .ingest_knowledge_base_documents()
            .knowledge_base_id("KB")
            .data_source_id("DS")
            .client_token("token")
            .documents(document())
    );
    case!(
        suite,
        "createAgent",
        {"agentName": "a", "clientToken": "token", "idleSessionTTLInSeconds": 600, "tags": {"k": "v", "é": ""}},
        client
            .create_agent()
            .agent_name("a")
            .client_token("token")
            .idle_session_ttl_in_seconds(600)
            .tags("k", "v")
            .tags("é", "")
    );
    // Of 0.7 the generated client makes 0.699999988079071, the nearest number of half the bits; AWS's other clients and
    // the handler write what they were given.
    case!(
        suite,
        "createPrompt",
        {"name": "p", "clientToken": "token", "variants": [{"name": "v", "templateType": "TEXT",
            "templateConfiguration": {"text": {"text": "{{topic}}"}},
            "inferenceConfiguration": {"text": {"temperature": 0.5, "topP": 1.0, "maxTokens": 100, "stopSequences": ["\n\n"]}}}]},
        client.create_prompt().name("p").client_token("token").variants(
            PromptVariant::builder()
                .name("v")
                .template_type(PromptTemplateType::Text)
                .template_configuration(PromptTemplateConfiguration::Text(
                    TextPromptTemplateConfiguration::builder().text("{{topic}}").build().unwrap()
                ))
                .inference_configuration(PromptInferenceConfiguration::Text(
                    PromptModelInferenceConfiguration::builder()
                        .temperature(0.5)
                        .top_p(1.0)
                        .max_tokens(100)
                        .stop_sequences("\n\n")
                        .build()
                ))
                .build()
                .unwrap()
        )
    );
    case!(
        suite,
        "deleteAgent",
        {"agentId": "A", "skipResourceInUseCheck": true},
        client.delete_agent().agent_id("A").skip_resource_in_use_check(true)
    );
    case!(
        suite,
        "tagResource",
        {"resourceArn": ARN, "tags": {"a": "b"}},
        client.tag_resource().resource_arn(ARN).tags("a", "b")
    );
    case!(
        suite,
        "untagResource",
        {"resourceArn": ARN, "tagKeys": ["a b", "c&d", "é"]},
        client.untag_resource().resource_arn(ARN).tag_keys("a b").tag_keys("c&d").tag_keys("é")
    );
    case!(
        suite,
        "updateAgentKnowledgeBase",
        {"agentId": "A", "agentVersion": "DRAFT", "knowledgeBaseId": "KB", "knowledgeBaseState": "DISABLED"},
        client
            .update_agent_knowledge_base()
            .agent_id("A")
            .agent_version("DRAFT")
            .knowledge_base_id("KB")
            .knowledge_base_state(KnowledgeBaseState::Disabled)
    );

    suite.finish();
}

fn document() -> KnowledgeBaseDocument {
    let bytes =
        ByteContentDoc::builder().mime_type("application/pdf").data(Blob::new([0, 255, 16])).build().unwrap();
    let custom = CustomContent::builder()
        .custom_document_identifier(CustomDocumentIdentifier::builder().id("1").build().unwrap())
        .source_type(CustomSourceType::InLine)
        .inline_content(
            InlineContent::builder().r#type(InlineContentType::Byte).byte_content(bytes).build().unwrap(),
        )
        .build()
        .unwrap();
    let content = DocumentContent::builder()
        .data_source_type(ContentDataSourceType::Custom)
        .custom(custom)
        .build()
        .unwrap();
    KnowledgeBaseDocument::builder().content(content).build()
}
