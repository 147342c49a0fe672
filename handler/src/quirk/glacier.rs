//! Amazon S3 Glacier, older than the conventions of the others.
//!
//! - The account may be left out; `-` stands for that of the credentials.
//! - Every request names the API version in a header of its own.
//! - Uploads carry the tree hash of their bytes: SHA-256 over each MiB, joined in pairs up to one root.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::catalog::Operation;

/// Bytes of a leaf.
const LEAF: usize = 1 << 20;

pub fn parameters(operation: &Operation, parameters: &mut Map<String, Json>) {
    let takes_account = operation.uri.contains("{accountId}");
    if takes_account && parameters.get("accountId").is_none_or(Json::is_null) {
        parameters.insert("accountId".to_owned(), "-".into());
    }
}

pub fn request(operation: &Operation, request: &mut HttpRequest) -> Result<(), BoxError> {
    let version = operation.service.metadata().api_version.clone();
    request.headers_mut().try_insert("x-amz-glacier-version", version)?;
    if !matches!(operation.name.as_str(), "UploadArchive" | "UploadMultipartPart") {
        return Ok(());
    }
    let Some((linear, tree)) =
        request.body().bytes().map(|body| (hex::encode(Sha256::digest(body)), tree_hash(body)))
    else {
        return Ok(());
    };
    request.headers_mut().try_insert("x-amz-content-sha256", linear)?;
    if !request.headers().contains_key("x-amz-sha256-tree-hash") {
        request.headers_mut().try_insert("x-amz-sha256-tree-hash", tree)?;
    }
    Ok(())
}

fn tree_hash(body: &[u8]) -> String {
    let mut level: Vec<Vec<u8>> = body.chunks(LEAF).map(|leaf| Sha256::digest(leaf).to_vec()).collect();
    if level.is_empty() {
        level.push(Sha256::digest(b"").to_vec());
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [one, two] => Sha256::new().chain_update(one).chain_update(two).finalize().to_vec(),
                rest => rest.concat(),
            })
            .collect();
    }
    hex::encode(level.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leaf_is_its_own_tree_and_three_are_joined_in_order() {
        assert_eq!(tree_hash(b"abc"), hex::encode(Sha256::digest(b"abc")));
        let body = [vec![1; LEAF], vec![2; LEAF], vec![3; 5]].concat();
        let leaf = |bytes: &[u8]| Sha256::digest(bytes).to_vec();
        let pair = Sha256::digest([leaf(&vec![1; LEAF]), leaf(&vec![2; LEAF])].concat()).to_vec();
        let root = Sha256::digest([pair, leaf(&[3; 5])].concat());
        assert_eq!(tree_hash(&body), hex::encode(root));
    }
}
