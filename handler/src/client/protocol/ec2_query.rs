//! ec2Query, which the SDK's schema crates lack: awsQuery's relative with capital names and flat lists.
//!
//! Enters: bound parameters. Leaves: a form-encoded request; answers are plain restXml bodies without an envelope.
//! Fails where a value cannot be written in a form. Follows Smithy's `aws.protocols#ec2Query`.

use aws_smithy_runtime_api::http::{Request, Response};
use aws_smithy_schema::codec::Codec;
use aws_smithy_schema::protocol::{ClientProtocolInner, ServiceVersion, apply_http_endpoint};
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeDeserializer, ShapeSerializer};
use aws_smithy_schema::traits::TimestampFormat;
use aws_smithy_schema::{Schema, ShapeId, shape_id};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::endpoint::Endpoint;
use aws_smithy_types::primitive::Encoder;
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document};
use aws_smithy_xml::codec::{XmlCodec, XmlCodecSettings, find_depth2_element_slice_by};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The protocol, for the SDK's orchestrator.
#[derive(Debug)]
pub struct Ec2QueryProtocol {
    id: ShapeId<'static>,
    codec: XmlCodec,
}

impl Default for Ec2QueryProtocol {
    fn default() -> Self {
        Self::new()
    }
}

impl Ec2QueryProtocol {
    pub fn new() -> Self {
        let settings = XmlCodecSettings::builder().default_timestamp_format(Format::DateTime).build();
        Self { id: shape_id!("aws.protocols", "ec2Query"), codec: XmlCodec::new(settings) }
    }
}

impl ClientProtocolInner for Ec2QueryProtocol {
    type Request = Request;
    type Response = Response;

    fn protocol_id(&self) -> &ShapeId<'static> {
        &self.id
    }

    fn serialize_request(
        &self,
        input: &dyn SerializableStruct,
        _: &Schema<'_>,
        _: &str,
        cfg: &ConfigBag,
    ) -> Result<Request, SerdeError> {
        let action = cfg
            .load::<aws_smithy_runtime_api::client::orchestrator::Metadata>()
            .ok_or_else(|| SerdeError::custom("no operation is named"))?;
        let version =
            cfg.load::<ServiceVersion>().ok_or_else(|| SerdeError::custom("no service version is set"))?;
        let mut form = Form { body: String::new(), prefix: Vec::new(), at: Vec::new() };
        form.pair("Action", action.name());
        form.pair("Version", version.as_str());
        input.serialize_members(&mut form)?;
        let failed = |error: &dyn std::fmt::Display| SerdeError::custom(error.to_string());
        let mut request = Request::new(SdkBody::from(form.body));
        request.set_method("POST").map_err(|error| failed(&error))?;
        request.set_uri("/").map_err(|error| failed(&error))?;
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
        if let Some(length) = request.body().content_length() {
            request.headers_mut().insert("content-length", length.to_string());
        }
        Ok(request)
    }

    fn deserialize_response<'a>(
        &self,
        response: &'a Response,
        _: &Schema<'_>,
        _: &'a ConfigBag,
    ) -> Result<Box<dyn ShapeDeserializer + 'a>, SerdeError> {
        Ok(Box::new(self.codec.create_deserializer(response.body().bytes().unwrap_or_default())))
    }

    /// `<Response><Errors><Error>`: the members stand in the innermost.
    fn deserialize_error_response<'a>(
        &self,
        response: &'a Response,
        _: &'a ConfigBag,
    ) -> Result<Box<dyn ShapeDeserializer + 'a>, SerdeError> {
        let body = response.body().bytes().unwrap_or_default();
        let errors = find_depth2_element_slice_by(body, |name| name == "Errors").unwrap_or(body);
        let error = find_depth2_element_slice_by(errors, |name| name == "Error").unwrap_or(errors);
        Ok(Box::new(self.codec.create_deserializer(error)))
    }

    fn update_endpoint(
        &self,
        request: &mut Request,
        endpoint: &Endpoint,
        cfg: &ConfigBag,
    ) -> Result<(), SerdeError> {
        apply_http_endpoint(request, endpoint, cfg)
    }
}

/// Writes `Name.1.Member=value` pairs.
struct Form {
    body: String,
    /// Names and indexes down to where the next value stands.
    prefix: Vec<String>,
    /// The last index of each list around the next value; `None` inside a structure.
    at: Vec<Option<usize>>,
}

impl Form {
    fn pair(&mut self, name: &str, value: &str) {
        if !self.body.is_empty() {
            self.body.push('&');
        }
        self.body.push_str(name);
        self.body.push('=');
        self.body.extend(utf8_percent_encode(value, FORM));
    }

    /// A member's own name; in a list, the next index.
    fn segment(&mut self, schema: &Schema<'_>) -> String {
        if let Some(Some(index)) = self.at.last_mut() {
            *index += 1;
            return index.to_string();
        }
        if let Some(name) = schema.json_name() {
            return name.value().to_owned();
        }
        let name = schema
            .xml_name()
            .map(aws_smithy_schema::traits::XmlNameTrait::value)
            .or(schema.member_name())
            .unwrap_or_default();
        let mut characters = name.chars();
        characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the body of the trait's methods")]
    fn scalar(&mut self, schema: &Schema<'_>, value: &str) -> Result<(), SerdeError> {
        let segment = self.segment(schema);
        self.prefix.push(segment);
        let name = self.prefix.join(".");
        self.prefix.pop();
        self.pair(&name, value);
        Ok(())
    }

    fn inside(
        &mut self,
        schema: &Schema<'_>,
        at: Option<usize>,
        write: impl FnOnce(&mut Self) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let segment = self.segment(schema);
        self.prefix.push(segment);
        self.at.push(at);
        let outcome = write(self);
        self.at.pop();
        self.prefix.pop();
        outcome
    }
}

impl ShapeSerializer for Form {
    fn write_struct(
        &mut self,
        schema: &Schema<'_>,
        value: &dyn SerializableStruct,
    ) -> Result<(), SerdeError> {
        self.inside(schema, None, |form| value.serialize_members(form))
    }

    fn write_list(
        &mut self,
        schema: &Schema<'_>,
        write_elements: &dyn Fn(&mut dyn ShapeSerializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.inside(schema, Some(0), |form| write_elements(form))
    }

    fn write_map(
        &mut self,
        _: &Schema<'_>,
        _: &dyn Fn(&mut dyn ShapeSerializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        Err(SerdeError::unsupported("maps do not exist in ec2Query"))
    }

    fn write_boolean(&mut self, schema: &Schema<'_>, value: bool) -> Result<(), SerdeError> {
        self.scalar(schema, if value { "true" } else { "false" })
    }

    fn write_byte(&mut self, schema: &Schema<'_>, value: i8) -> Result<(), SerdeError> {
        self.scalar(schema, &value.to_string())
    }

    fn write_short(&mut self, schema: &Schema<'_>, value: i16) -> Result<(), SerdeError> {
        self.scalar(schema, &value.to_string())
    }

    fn write_integer(&mut self, schema: &Schema<'_>, value: i32) -> Result<(), SerdeError> {
        self.scalar(schema, &value.to_string())
    }

    fn write_long(&mut self, schema: &Schema<'_>, value: i64) -> Result<(), SerdeError> {
        self.scalar(schema, &value.to_string())
    }

    fn write_float(&mut self, schema: &Schema<'_>, value: f32) -> Result<(), SerdeError> {
        self.scalar(schema, Encoder::from(value).encode())
    }

    fn write_double(&mut self, schema: &Schema<'_>, value: f64) -> Result<(), SerdeError> {
        self.scalar(schema, Encoder::from(value).encode())
    }

    fn write_big_integer(&mut self, schema: &Schema<'_>, value: &BigInteger) -> Result<(), SerdeError> {
        self.scalar(schema, value.as_ref())
    }

    fn write_big_decimal(&mut self, schema: &Schema<'_>, value: &BigDecimal) -> Result<(), SerdeError> {
        self.scalar(schema, value.as_ref())
    }

    fn write_string(&mut self, schema: &Schema<'_>, value: &str) -> Result<(), SerdeError> {
        self.scalar(schema, value)
    }

    fn write_blob(&mut self, schema: &Schema<'_>, value: Blob) -> Result<(), SerdeError> {
        self.scalar(schema, &aws_smithy_types::base64::encode(value))
    }

    fn write_timestamp(&mut self, schema: &Schema<'_>, value: &DateTime) -> Result<(), SerdeError> {
        let format =
            match schema.timestamp_format().map(aws_smithy_schema::traits::TimestampFormatTrait::format) {
                Some(TimestampFormat::EpochSeconds) => Format::EpochSeconds,
                Some(TimestampFormat::HttpDate) => Format::HttpDate,
                _ => Format::DateTime,
            };
        let text = value.fmt(format).map_err(|error| SerdeError::custom(error.to_string()))?;
        self.scalar(schema, &text)
    }

    fn write_document(&mut self, _: &Schema<'_>, _: &Document) -> Result<(), SerdeError> {
        Err(SerdeError::unsupported("documents do not exist in ec2Query"))
    }

    fn write_null(&mut self, _: &Schema<'_>) -> Result<(), SerdeError> {
        Ok(())
    }
}
