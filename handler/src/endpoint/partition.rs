//! Which partition a Region belongs to.
//!
//! Enters: the published partitions and a Region name. Leaves: the partition that lists the Region, else the one
//! whose pattern the name fits. Nothing fails; a pattern in an unforeseen syntax fits nothing.
//!
//! The published patterns are regular expressions, but all of one form: segments between escaped hyphens, each
//! `\w+`, `\d+`, literal text or a group of literal texts. That form is matched here directly.

use super::model::Partition;

/// The partition that lists `region`, else the one whose pattern it fits.
pub fn partition_for<'a>(partitions: &'a [Partition], region: &str) -> Option<&'a Partition> {
    let listed = |partition: &&Partition| partition.regions.iter().any(|known| known == region);
    let fits = |partition: &&Partition| fits(&partition.region_regex, region);
    partitions.iter().find(listed).or_else(|| partitions.iter().find(fits))
}

/// As [`partition_for`], and `aws` for a Region of no partition: what the rules' `aws.partition` means.
pub fn partition_or_default<'a>(partitions: &'a [Partition], region: &str) -> Option<&'a Partition> {
    partition_for(partitions, region).or_else(|| partitions.iter().find(|partition| partition.id == "aws"))
}

fn fits(pattern: &str, region: &str) -> bool {
    let Some(segments) = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')) else {
        return false;
    };
    // Neither `\w` nor any published text holds a hyphen, so the segments of both sides pair off.
    let mut parts = region.split('-');
    segments.split(r"\-").all(|segment| parts.next().is_some_and(|part| segment_fits(segment, part)))
        && parts.next().is_none()
}

fn segment_fits(segment: &str, part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match segment {
        r"\w+" => !part.is_empty() && part.bytes().all(is_word),
        r"\d+" => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
        _ => {
            let group = segment.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            // A literal is only compared, so one that is no literal fits nothing: `part` would need its signs.
            let sound = |text: &str| !text.is_empty() && text.bytes().all(is_word);
            group.unwrap_or(segment).split('|').any(|text| sound(text) && text == part)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(id: &str, region_regex: &str, regions: &[&str]) -> Partition {
        Partition {
            id: id.into(),
            dns_suffix: "amazonaws.com".into(),
            dual_stack_dns_suffix: "api.aws".into(),
            implicit_global_region: String::new(),
            supports_dual_stack: true,
            supports_fips: true,
            region_regex: region_regex.into(),
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
        }
    }

    fn partitions() -> Vec<Partition> {
        vec![
            partition("aws", r"^(us|eu|ap)\-\w+\-\d+$", &["aws-global", "eu-west-1", "us-east-1"]),
            partition("aws-cn", r"^cn\-\w+\-\d+$", &["aws-cn-global", "cn-north-1"]),
            partition("aws-eusc", r"^eusc\-(de)\-\w+\-\d+$", &["eusc-de-east-1"]),
            partition("aws-iso", r"^us\-iso\-\w+\-\d+$", &["us-iso-east-1"]),
        ]
    }

    #[test]
    fn a_region_is_found_by_name_or_by_pattern() {
        let partitions = partitions();
        for (region, id) in [
            ("us-east-1", Some("aws")),
            ("aws-global", Some("aws")),
            ("eu-nowhere-42", Some("aws")),
            ("ap_south-x-1", None),
            ("cn-north-1", Some("aws-cn")),
            ("cn-new_place-7", Some("aws-cn")),
            ("eusc-de-east-1", Some("aws-eusc")),
            ("eusc-fr-east-1", None),
            ("us-iso-west-9", Some("aws-iso")),
            ("us-isox-west-9", None),
            ("us-east-1-", None),
            ("us--1", None),
            ("us-east-", None),
            ("us-east-1a", None),
            ("us-east-1\n", None),
            ("us-east-１", None),
            ("US-EAST-1", None),
            ("xus-east-1", None),
            ("", None),
        ] {
            assert_eq!(partition_for(&partitions, region).map(|found| found.id.as_str()), id, "{region:?}");
        }
    }

    #[test]
    fn a_listed_region_wins_over_an_earlier_pattern() {
        let partitions =
            [partition("a", r"^us\-\w+\-\d+$", &[]), partition("b", r"^b\-\w+\-\d+$", &["us-special-1"])];
        assert_eq!(partition_for(&partitions, "us-special-1").map(|found| found.id.as_str()), Some("b"));
    }

    #[test]
    fn rules_fall_back_to_aws() {
        let partitions = partitions();
        assert_eq!(partition_or_default(&partitions, "mars-1").map(|found| found.id.as_str()), Some("aws"));
        assert_eq!(partition_or_default(&[], "us-east-1"), None);
    }

    #[test]
    fn an_unforeseen_pattern_fits_nothing() {
        for pattern in ["", "us", r"us\-\w+", r"^us\-.*$", r"^(us|e.)\-\w*$", "^$"] {
            for region in ["us-east-1", "us", "", ".", "e.-a", r"us-\w+", "us-.*"] {
                assert!(!fits(pattern, region), "{pattern:?} {region:?}");
            }
        }
        assert!(fits(r"^(us|eu)\-\w+$", "eu-x"));
    }
}
