//! Regions that may be spoken of, for endpoint rules splice a Region into a host name unchecked.
//!
//! Enters: text. Leaves: a [`Region`], which is a host label and a Region of the function's own partition: one that
//! is listed, or fits the partition's pattern, since Regions are opened more often than models are regenerated.
//! Fails with a sentence on what is wrong; pseudo-regions, which stand for an endpoint and not for a place, are no
//! Regions. This is section 1.3 of the contract.

use std::fmt;

use crate::catalog::model::Partition;
pub use crate::endpoint::is_host_label;
use crate::endpoint::partition::partition_for;
use crate::error::{Error, Kind};
use crate::suggest;

/// A Region of the function's own partition. Only [`Regions::parse`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All partitions, and which of them is the function's own.
#[derive(Debug, Clone, Copy)]
pub struct Regions {
    all: &'static [Partition],
    own: &'static Partition,
}

impl Regions {
    /// `function_region` is where the function itself runs.
    pub fn new(all: &'static [Partition], function_region: &str) -> Result<Self, Error> {
        let own = partition_for(all, function_region).ok_or_else(|| {
            let region = suggest::shown(function_region);
            Error::new(Kind::Internal, format!("AWS_REGION: `{region}` is in no known partition"))
        })?;
        Ok(Self { all, own })
    }

    pub fn own_partition(&self) -> &'static Partition {
        self.own
    }

    pub fn parse(&self, text: &str) -> Result<Region, String> {
        let region = suggest::shown(text);
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        if !is_host_label(text) {
            return Err(format!(
                "`{region}` cannot be a Region: only letters, digits and hyphens may be part of a host name"
            ));
        }
        if is_pseudo(text) {
            return Err(format!("`{region}` is a pseudo-region; name the Region itself"));
        }
        match partition_for(self.all, text) {
            Some(partition) if partition.id == self.own.id => Ok(Region(text.to_owned())),
            Some(other) => Err(format!(
                "`{region}` is in partition `{}`, but this function runs in `{}`",
                other.id, self.own.id
            )),
            None => {
                let near = suggest::nearest(text, self.own.regions.iter().filter(|it| !is_pseudo(it)));
                Err(format!("`{region}` is no Region of any partition{}", suggest::did_you_mean(&near)))
            }
        }
    }
}

/// `aws-global`, `aws-cn-global`, `fips-us-east-1`, `us-gov-west-1-fips`.
fn is_pseudo(text: &str) -> bool {
    text.ends_with("-global") || text.split('-').any(|part| part == "fips")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The Regions as a function in ap-northeast-1 knows them.
    pub fn regions() -> Regions {
        let partition = |id: &str, suffix: &str, pattern: &str, regions: &[&str]| Partition {
            id: id.into(),
            dns_suffix: suffix.into(),
            dual_stack_dns_suffix: "api.aws".into(),
            implicit_global_region: String::new(),
            supports_dual_stack: true,
            supports_fips: true,
            region_regex: pattern.into(),
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
        };
        let all = vec![
            partition(
                "aws",
                "amazonaws.com",
                r"^(us|eu|ap|sa|ca|me|af|il|mx)\-\w+\-\d+$",
                &["ap-northeast-1", "aws-global", "us-east-1", "us-west-1", "us-west-2"],
            ),
            partition("aws-cn", "amazonaws.com.cn", r"^cn\-\w+\-\d+$", &["aws-cn-global", "cn-north-1"]),
            partition("aws-us-gov", "amazonaws.com", r"^us\-gov\-\w+\-\d+$", &["us-gov-west-1"]),
        ];
        Regions::new(Vec::leak(all), "ap-northeast-1").unwrap()
    }

    #[test]
    fn regions_of_the_own_partition_are_regions() {
        for text in ["us-west-2", "ap-northeast-1", "eu-north-1", "mx-newland-12"] {
            assert_eq!(regions().parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn all_else_is_refused_for_its_own_reason() {
        for (text, message) in [
            ("", "must not be empty"),
            ("x.evil.com/#", "`x.evil.com/#` cannot be a Region: "),
            ("us-west-2.evil.com", "cannot be a Region"),
            ("us-west-2@evil", "cannot be a Region"),
            ("us-west-2\n", "cannot be a Region"),
            ("us-west-2 ", "cannot be a Region"),
            ("us-west-２", "cannot be a Region"),
            ("us_west_2", "cannot be a Region"),
            ("us-we_st-2", "cannot be a Region"),
            ("-us-west-2", "cannot be a Region"),
            ("us-west-2-", "cannot be a Region"),
            (&"u".repeat(64), "cannot be a Region"),
            ("aws-global", "`aws-global` is a pseudo-region"),
            ("aws-cn-global", "is a pseudo-region"),
            ("fips-us-east-1", "is a pseudo-region"),
            ("us-gov-west-1-fips", "is a pseudo-region"),
            ("cn-north-1", "`cn-north-1` is in partition `aws-cn`, but this function runs in `aws`"),
            ("us-gov-east-9", "is in partition `aws-us-gov`"),
            ("us-wset-2x", "is no Region of any partition, did you mean"),
            ("us-west2", "is no Region of any partition, did you mean `us-west-2`"),
            ("US-WEST-2", "is no Region of any partition, did you mean `us-west-2`"),
            ("us-west-2a", "is no Region of any partition"),
            ("mars-north-1", "`mars-north-1` is no Region of any partition"),
            ("local", "is no Region of any partition"),
            ("s3-external-1", "is no Region of any partition"),
        ] {
            let refusal = regions().parse(text).unwrap_err();
            assert!(refusal.contains(message), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_function_runs_in_a_known_partition() {
        let all = regions().all;
        assert_eq!(Regions::new(all, "cn-north-1").unwrap().own_partition().id, "aws-cn");
        assert!(
            Regions::new(all, "nowhere").unwrap_err().message.contains("`nowhere` is in no known partition")
        );
    }
}
