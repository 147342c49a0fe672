//! The committed models are whole, consistent and in the form that the generator writes.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use modelgen::model::{Kind, Member, MemberTrait, Operation, Partition, Service};
use modelgen::{REVIEWED, write};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// Path and text of each service.
fn services() -> Vec<(PathBuf, String)> {
    modelgen::list(&models())
        .unwrap()
        .into_iter()
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            !["partitions.json", "read_only.json"].contains(&name)
                && !REVIEWED.contains(&format!("handler/models/{name}").as_str())
        })
        .map(|path| (path.clone(), modelgen::read_text(&path).unwrap()))
        .collect()
}

/// One walk for all of it: reading 25 MB of models is what takes the time.
#[test]
fn models_read_back_to_what_was_written_and_hold_together() {
    let (mut count, mut operations) = (0, 0);
    for (path, text) in services() {
        let service: Service =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), service.metadata.id);
        assert_eq!(write::service(&service).unwrap(), text, "{path:?}");
        assert!(service.operations.is_sorted_by(|one, other| one.0 < other.0), "{path:?}");
        assert!(service.shapes.is_sorted_by(|one, other| one.0 < other.0), "{path:?}");
        every_target_exists(&service);
        every_label_has_its_member(&service);
        count += 1;
        operations += service.operations.len();
    }
    assert_eq!((count, operations), (439, 19_796));
}

fn every_target_exists(service: &Service) {
    let names: BTreeSet<_> = service.shapes.iter().map(|shape| &shape.0).collect();
    let mut used = BTreeSet::new();
    for Operation(_, _, _, input, output, errors, _) in &service.operations {
        used.extend(input.iter().chain(output).chain(errors));
    }
    for shape in &service.shapes {
        match &shape.1 {
            Kind::Structure(members) | Kind::Union(members) => {
                used.extend(members.iter().map(|member| &member.1));
            }
            Kind::List(element) => used.extend([&element.1]),
            Kind::Map(key, value) => used.extend([&key.1, &value.1]),
            _ => {}
        }
    }
    assert!(used.is_subset(&names), "{}: {:?}", service.metadata.id, used.difference(&names));
}

fn every_label_has_its_member(service: &Service) {
    for Operation(name, _, uri, input, ..) in &service.operations {
        let members = service
            .shapes
            .iter()
            .find(|shape| Some(&shape.0) == input.as_ref())
            .map(|shape| match &shape.1 {
                Kind::Structure(members) => members.clone(),
                _ => Vec::new(),
            })
            .unwrap_or_default();
        let labels: BTreeSet<_> = uri
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap().trim_end_matches('+'))
            .collect();
        let bound: BTreeSet<_> = members
            .iter()
            .filter(|Member(_, _, traits)| traits.contains(&MemberTrait::Label))
            .map(|member| member.0.as_str())
            .collect();
        // The endpoint rules put S3's bucket into the host or path.
        let elsewhere =
            if service.metadata.id == "s3" { BTreeSet::from(["Bucket"]) } else { BTreeSet::new() };
        assert!(labels.is_subset(&bound), "{} {name}", service.metadata.id);
        assert!(
            bound.difference(&labels).all(|label| elsewhere.contains(label)),
            "{} {name}",
            service.metadata.id
        );
    }
}

#[test]
fn partitions_read_back_and_keep_pseudo_regions() {
    let text = modelgen::read_text(&models().join("partitions.json")).unwrap();
    let partitions: Vec<Partition> = serde_json::from_str(&text).unwrap();
    assert_eq!(write::partitions(&partitions).unwrap(), text);
    let aws = partitions.iter().find(|partition| partition.id == "aws").unwrap();
    assert!(aws.regions.iter().any(|region| region == "aws-global"));
    assert!(aws.regions.iter().any(|region| region == "us-west-2"));
}
