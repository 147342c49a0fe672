//! Which signer, and for what.
//!
//! Enters: the schemes of the operation, of the service and of the resolved endpoint. Leaves: [`Signing`]. Fails where
//! none of them can be used from a Lambda function.

use std::time::Duration;

use aws_runtime::auth::{HttpSignatureType, SigV4OperationSigningConfig, SigningOptions};
use aws_sigv4::http_request::SignableBody;
use aws_smithy_runtime::client::auth::no_auth::NO_AUTH_SCHEME_ID;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion, SigningRegionSet};

use crate::catalog::Operation;
use crate::catalog::model::{Auth, OperationTrait};
use crate::endpoint::{AuthScheme, Resolved};
use crate::error::{Error, Kind};

/// As long as botocore's.
const PRESIGNED_FOR: Duration = Duration::from_hours(1);

/// The chosen scheme with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    pub scheme: Auth,
    pub name: String,
    /// SigV4: one Region. SigV4A: the Region set, `*` for all.
    pub regions: Vec<String>,
    pub double_encode: bool,
    pub unsigned_payload: bool,
}

/// Chooses: the endpoint's schemes win over the operation's and the service's, except that `none` is final.
pub fn choose(operation: &Operation, region: &str, endpoint: &Resolved) -> Result<Signing, Error> {
    let metadata = operation.service.metadata();
    let modelled = operation
        .traits
        .iter()
        .find_map(|it| match it {
            OperationTrait::Auth(schemes) => Some(schemes.as_slice()),
            _ => None,
        })
        .unwrap_or(&metadata.auth);
    let is_s3 = metadata.auth.contains(&Auth::Sigv4S3) || metadata.signing_name == "s3";
    let mut signing = Signing {
        scheme: Auth::None,
        name: metadata.signing_name.clone(),
        regions: vec![region.to_owned()],
        double_encode: !is_s3,
        unsigned_payload: operation.has(&OperationTrait::UnsignedPayload),
    };
    if modelled.first() == Some(&Auth::None) {
        return Ok(signing);
    }
    if let Some(scheme) = endpoint.auth_schemes.iter().find(|scheme| usable(scheme.name)) {
        apply(&mut signing, scheme);
        return Ok(signing);
    }
    if let Some(scheme) = modelled.iter().copied().find(|scheme| usable(*scheme)) {
        signing.scheme = scheme;
        return Ok(signing);
    }
    let taken = if modelled.contains(&Auth::Bearer) { "bearer tokens" } else { "SigV2" };
    Err(Error::new(
        Kind::NotAllowed,
        format!(
            "`{}` takes {taken} only in `{}`, and a function's role signs by SigV4",
            operation.service.id(),
            operation.action()
        ),
    ))
}

impl Signing {
    /// The SDK's id of the scheme.
    pub fn scheme_id(&self) -> AuthSchemeId {
        match self.scheme {
            Auth::Sigv4a => aws_runtime::auth::sigv4a::SCHEME_ID,
            Auth::None | Auth::Bearer | Auth::Sigv2 => NO_AUTH_SCHEME_ID,
            Auth::Sigv4 | Auth::Sigv4S3 | Auth::Sigv4S3Express => aws_runtime::auth::sigv4::SCHEME_ID,
        }
    }

    /// The Regions that a SigV4A signature holds for.
    pub fn region_set(&self) -> SigningRegionSet {
        self.regions.iter().map(String::as_str).collect()
    }

    /// Whether the path counts without its dot segments, and is encoded a second time: everywhere but in S3.
    pub fn normalizes_path(&self) -> bool {
        self.double_encode
    }

    /// What the SDK's signers read from the configuration; `presigned` puts the signature into the query.
    pub fn config(&self, presigned: bool) -> SigV4OperationSigningConfig {
        let region = self.regions.first().cloned().unwrap_or_default();
        let mut options = SigningOptions::default();
        options.double_uri_encode = self.double_encode;
        options.normalize_uri_path = self.double_encode;
        options.content_sha256_header = !self.double_encode;
        if self.unsigned_payload {
            options.payload_override = Some(SignableBody::UnsignedPayload);
            options.content_sha256_header = true;
        }
        if presigned {
            options.signature_type = HttpSignatureType::HttpRequestQueryParams;
            options.expires_in = Some(PRESIGNED_FOR);
        }
        SigV4OperationSigningConfig {
            name: Some(SigningName::from(self.name.clone())),
            region: Some(SigningRegion::from(Region::new(region))),
            region_set: Some(self.region_set()),
            signing_options: options,
        }
    }
}

fn apply(signing: &mut Signing, scheme: &AuthScheme) {
    signing.scheme = scheme.name;
    if let Some(name) = &scheme.signing_name {
        signing.name.clone_from(name);
    }
    if let Some(region) = &scheme.signing_region {
        signing.regions = vec![region.clone()];
    }
    if scheme.name == Auth::Sigv4a && !scheme.signing_region_set.is_empty() {
        signing.regions.clone_from(&scheme.signing_region_set);
    }
    if scheme.disable_double_encoding {
        signing.double_encode = false;
    }
}

fn usable(scheme: Auth) -> bool {
    !matches!(scheme, Auth::Bearer | Auth::Sigv2)
}
