//! All pages of an operation that answers in pages, by the models' paginators.
//!
//! Enters: what the event wants of them, and the first call. Leaves: [`Gathered`], the parts of the pages that go on
//! from page to page, still apart, so that the result can be cut between two of them. Fails as a call does, with
//! `CrossRegion.InvalidEvent` where an operation has no pages, and with `CrossRegion.MalformedResponse` where a service
//! names a page that was read already: to go on would have no end.
//!
//! Tokens are the service's: they go back as they came, under the names of the model.

use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use super::join::{Scalars, join};
use super::{Called, Caller};
use crate::catalog::Operation;
use crate::catalog::model::Paginator;
use crate::client::Answer;
use crate::effect::Effect;
use crate::error::{Error, Fault, Kind};
use crate::event::Paginate;
use crate::expression::{self, Expression};
use crate::input::{self, Bound};
use crate::table::Permit;
use crate::telemetry::Invocation;

/// Bytes of JSON that are gathered for a `select` to choose from. In memory it is three to four times as much.
pub const GATHERED_LIMIT: usize = 16 << 20;

/// How to go from page to page, and how far.
#[derive(Debug)]
pub struct Pages {
    wanted: Paginate,
    /// The parameter, and where an answer has its next value.
    tokens: Vec<(String, Expression)>,
    /// Says of an answer whether it is the last.
    more: Option<Expression>,
    /// Dotted names of what goes on from page to page; the first is what is counted.
    results: Vec<Vec<String>>,
    /// Dotted names of what holds for all pages.
    kept: Vec<Vec<String>>,
    /// Bytes of JSON that are gathered at most, and the page with which there are more.
    room: usize,
}

/// Pages that were read.
#[derive(Debug, Default)]
pub struct Gathered {
    parts: Vec<Part>,
    /// What holds for all pages, from the first.
    kept: Map<String, Json>,
    /// Text is continued only where it is all that there is.
    continues_text: bool,
    pub cut: Cut,
}

/// Why no further page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cut {
    /// There was none, or no further one was wanted.
    #[default]
    AsWanted,
    Deadline,
    Size,
}

#[derive(Debug)]
struct Part {
    members: Map<String, Json>,
    /// Parameters of the next page; null where one is not to be given. Empty where there is none.
    next: Map<String, Json>,
}

impl Pages {
    /// `room` is how many bytes can become a result.
    pub fn of(operation: &Operation, wanted: Paginate, room: usize) -> Result<Self, Error> {
        let Some(paginator) = operation.service.paginator(&operation.name)? else {
            let message = format!("`{}` does not answer in pages", operation.action());
            return Err(Error::faults(Kind::InvalidEvent, vec![Fault::new("paginate", message)]));
        };
        Self::read(paginator, wanted, room)
            .map_err(|_| Error::new(Kind::Internal, "the model's paginator cannot be read"))
    }

    fn read(paginator: Paginator, wanted: Paginate, room: usize) -> Result<Self, String> {
        let outputs = paginator.output_token.iter().map(|path| Expression::parse(path));
        let tokens = paginator.input_token.into_iter().zip(outputs);
        let more = Some(paginator.more_results).filter(|path| !path.is_empty());
        Ok(Self {
            wanted,
            tokens: tokens.map(|(name, path)| Ok((name, path?))).collect::<Result<_, String>>()?,
            more: more.map(|path| Expression::parse(&path)).transpose()?,
            results: paginator.result_key.iter().map(|path| names(path)).collect(),
            kept: paginator.non_aggregate_keys.iter().map(|path| names(path)).collect(),
            room,
        })
    }

    /// Reads page after page.
    pub async fn all(
        &self,
        caller: &Caller<'_>,
        bound: Bound,
        permit: &Permit,
        invocation: &mut Invocation,
    ) -> Result<Called, Error> {
        let operation = bound.operation();
        let mut parameters = bound.parameters().clone();
        let mut seen = HashSet::from([self.given(&parameters)]);
        let mut gathered = Gathered { continues_text: self.results.len() == 1, ..Gathered::default() };
        let (mut attempts, mut retry_delay) = (0, Duration::ZERO);
        let (mut items, mut size, mut longest) = (0, 0, Duration::ZERO);
        let mut bound = bound;
        let mut last: Option<Called> = None;
        loop {
            let started = Instant::now();
            let mut page = match (caller.call(bound, permit, invocation).await, last.take()) {
                (Ok(page), _) => page,
                (Err(error), Some(last)) if is_out_of_time(&error, caller, operation) => {
                    gathered.cut = Cut::Deadline;
                    return Ok(finished(last, gathered, attempts, retry_delay, invocation));
                }
                (Err(error), last) => return Err(after(last.as_ref(), operation, error)),
            };
            longest = longest.max(started.elapsed());
            attempts += page.answer.attempts;
            retry_delay += page.answer.retry_delay;

            let members = std::mem::take(&mut page.answer.members);
            let next = self.next(&members).map_err(|why| unreadable(&page.answer, &why))?;
            items += self.count(&members);
            let members = gathered.add(self, members, next.clone());
            size += self.size(members);
            let pages = gathered.parts.len() as u64;
            let is_enough = self.wanted.max_pages.is_some_and(|most| pages >= most)
                || self.wanted.max_items.is_some_and(|most| items >= most);
            if next.is_empty() || is_enough {
                return Ok(finished(page, gathered, attempts, retry_delay, invocation));
            }
            if size > self.room {
                gathered.cut = Cut::Size;
                return Ok(finished(page, gathered, attempts, retry_delay, invocation));
            }
            if caller.pace.deadline.remaining() <= longest {
                gathered.cut = Cut::Deadline;
                return Ok(finished(page, gathered, attempts, retry_delay, invocation));
            }
            parameters.extend(next);
            if !seen.insert(self.given(&parameters)) {
                return Err(unreadable(&page.answer, "the service names a page that it gave already"));
            }
            bound = input::bind(operation, parameters.clone())
                .map_err(|_| unreadable(&page.answer, "its token is not one that the action takes"))?;
            last = Some(page);
        }
    }

    /// Whether the parameters name a page to go on with.
    pub fn go_on(&self, parameters: &Map<String, Json>) -> bool {
        self.tokens.iter().any(|(name, _)| parameters.get(name).is_some_and(|token| !token.is_null()))
    }

    /// The tokens among the parameters, as text.
    fn given(&self, parameters: &Map<String, Json>) -> String {
        let tokens = self.tokens.iter().map(|(name, _)| parameters.get(name).unwrap_or(&Json::Null));
        tokens.cloned().collect::<Json>().to_string()
    }

    /// The parameters of the page after this answer; none where it is the last.
    fn next(&self, members: &Map<String, Json>) -> Result<Map<String, Json>, String> {
        if let Some(more) = &self.more
            && is_nothing(&*more.find(members)?)
        {
            return Ok(Map::new());
        }
        let mut next = Map::new();
        for (name, path) in &self.tokens {
            let token = path.find(members)?.into_owned();
            next.insert(name.clone(), if is_nothing(&token) { Json::Null } else { token });
        }
        if next.values().all(Json::is_null) {
            next.clear();
        }
        Ok(next)
    }

    fn count(&self, members: &Map<String, Json>) -> u64 {
        let counted = self.results.first().and_then(|names| expression::dotted(names, members));
        let count = match counted {
            Some(Json::Array(items)) => items.len(),
            Some(Json::Object(entries)) => entries.len(),
            Some(Json::Null) | None => 0,
            Some(_) => 1,
        };
        count as u64
    }

    /// Bytes that the part takes at least in the merged result, in which names stand once.
    fn size(&self, part: &Map<String, Json>) -> usize {
        let mut written = Written(0);
        // It only counts, so nothing fails.
        let _ = serde_json::to_writer(&mut written, part);
        let around: usize = self.results.iter().flatten().map(|name| name.len() + 8).sum();
        written.0.saturating_sub(around)
    }
}

impl Gathered {
    pub fn pages(&self) -> usize {
        self.parts.len()
    }

    /// The first pages in one.
    pub fn merged(&self, pages: usize) -> Map<String, Json> {
        let parts = self.parts.iter().take(pages).map(|part| part.members.clone());
        merged(parts, self.kept.clone(), self.continues_text)
    }

    /// All pages in one.
    pub fn into_merged(self) -> Map<String, Json> {
        merged(self.parts.into_iter().map(|part| part.members), self.kept, self.continues_text)
    }

    /// The parameters with which to go on after so many pages; none after the last one that there is.
    pub fn resume(&self, pages: usize) -> Option<&Map<String, Json>> {
        let last = self.parts.get(pages.checked_sub(1)?)?;
        Some(&last.next).filter(|next| !next.is_empty())
    }

    fn add(
        &mut self,
        by: &Pages,
        mut members: Map<String, Json>,
        next: Map<String, Json>,
    ) -> &Map<String, Json> {
        if self.parts.is_empty() {
            for path in &by.kept {
                hold(&mut self.kept, path, &members);
                if let Some(value) = expression::dotted(path, &members).filter(|value| !value.is_null()) {
                    put(&mut self.kept, path, value.clone());
                }
            }
        }
        let mut part = Map::new();
        for path in &by.results {
            if let Some(value) = taken(&mut members, path) {
                put(&mut part, path, value);
            }
        }
        self.parts.push(Part { members: part, next });
        self.parts.last().map_or(&self.kept, |part| &part.members)
    }
}

fn merged(
    parts: impl Iterator<Item = Map<String, Json>>,
    kept: Map<String, Json>,
    continues_text: bool,
) -> Map<String, Json> {
    let scalars = if continues_text { Scalars::SumAndContinue } else { Scalars::Sum };
    let mut result = Map::new();
    for (name, value) in parts.flatten() {
        match result.get_mut(&name) {
            Some(known) => join(known, value, scalars),
            None => {
                result.insert(name, value);
            }
        }
    }
    put_beneath(&mut result, kept);
    result
}

/// What holds for all pages may hold a list of which the pages have one part each: the merged one stays.
fn put_beneath(result: &mut Map<String, Json>, kept: Map<String, Json>) {
    for (name, value) in kept {
        match (result.get_mut(&name), value) {
            (None, value) => {
                result.insert(name, value);
            }
            (Some(Json::Object(known)), Json::Object(value)) => put_beneath(known, value),
            (Some(_), _) => {}
        }
    }
}

/// What stands for all pages: the last answer without its members, and what all calls took.
fn finished(
    called: Called,
    gathered: Gathered,
    attempts: u32,
    retry_delay: Duration,
    invocation: &mut Invocation,
) -> Called {
    invocation.succeeded(called.answer.request_id.as_deref(), attempts);
    let answer = Answer { attempts, retry_delay, ..called.answer };
    Called { answer, pages: Some(gathered), ..called }
}

/// Whether a page failed only because the time was over. What may have had an effect is told as it is.
fn is_out_of_time(error: &Error, caller: &Caller<'_>, operation: &Operation) -> bool {
    let names = [Kind::DeadlineExceeded, Kind::OutcomeUnknown, Kind::Unreachable].map(Kind::name);
    names.contains(&error.name())
        && !caller.pace.has_next
        && (operation.is_read_only || error.effect == Effect::None)
        && caller.pace.deadline.is_over()
}

/// A page that fails after others: those of an operation that does not only read are done.
fn after(last: Option<&Called>, operation: &Operation, error: Error) -> Error {
    if last.is_some() && !operation.is_read_only && error.effect == Effect::None {
        return error.with_effect(Effect::Unknown);
    }
    error
}

fn unreadable(answer: &Answer, why: &str) -> Error {
    let mut error = Error::new(Kind::MalformedResponse, format!("the pages have no end: {why}"))
        .with_effect(Effect::Done);
    error.request_id.clone_from(&answer.request_id);
    error.status_code = Some(answer.status);
    error
}

fn names(path: &str) -> Vec<String> {
    path.split('.').map(ToOwned::to_owned).collect()
}

/// As in the SDKs: what is empty is no token, and does not promise more.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
    }
}

fn taken(members: &mut Map<String, Json>, path: &[String]) -> Option<Json> {
    let (first, rest) = path.split_first()?;
    if rest.is_empty() {
        return members.remove(first).filter(|value| !value.is_null());
    }
    taken(members.get_mut(first)?.as_object_mut()?, rest)
}

fn put(members: &mut Map<String, Json>, path: &[String], value: Json) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        members.insert(first.clone(), value);
    } else if let Json::Object(below) = members.entry(first.clone()).or_insert_with(|| Map::new().into()) {
        put(below, rest, value);
    }
}

/// Makes the structures around the place that are there on the page, be they empty.
fn hold(kept: &mut Map<String, Json>, path: &[String], page: &Map<String, Json>) {
    let Some((first, rest)) = path.split_first().filter(|(_, rest)| !rest.is_empty()) else { return };
    let Some(Json::Object(page)) = page.get(first) else { return };
    if let Json::Object(below) = kept.entry(first.clone()).or_insert_with(|| Map::new().into()) {
        hold(below, rest, page);
    }
}

/// Counts what is written.
struct Written(usize);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written as literals")]
mod tests {
    use serde_json::json;

    use super::*;

    fn paginator(value: &Json) -> Paginator {
        let mut all = json!({
            "operation": "ListIt", "input_token": ["Token"], "output_token": ["NextToken"], "limit_key": "",
            "result_key": ["Items"], "more_results": "", "non_aggregate_keys": [],
        });
        all.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn pages(value: Json) -> Pages {
        Pages::read(paginator(&value), Paginate::default(), 1_000).unwrap()
    }

    fn object(value: Json) -> Map<String, Json> {
        value.as_object().unwrap().clone()
    }

    fn gathered(pages: &Pages, answers: &[Json]) -> Gathered {
        let mut gathered = Gathered { continues_text: pages.results.len() == 1, ..Gathered::default() };
        for answer in answers {
            let members = object(answer.clone());
            let next = pages.next(&members).unwrap();
            gathered.add(pages, members, next);
        }
        gathered
    }

    #[test]
    fn the_next_page_is_named_by_tokens_that_are_not_empty() {
        let two = pages(json!({
            "input_token": ["Key", "Id"], "output_token": ["NextKey || Items[-1].Key", "Next.Id"], "more_results": "IsTruncated",
        }));
        for (answer, next) in [
            (
                json!({"IsTruncated": true, "NextKey": "k", "Next": {"Id": "i"}}),
                json!({"Key": "k", "Id": "i"}),
            ),
            (
                json!({"IsTruncated": true, "NextKey": "", "Items": [{"Key": "z"}]}),
                json!({"Key": "z", "Id": null}),
            ),
            (json!({"IsTruncated": false, "NextKey": "k"}), json!({})),
            (json!({"NextKey": "k"}), json!({})),
            (json!({"IsTruncated": true, "Next": {"Id": {}}}), json!({})),
        ] {
            assert_eq!(two.next(&object(answer.clone())).unwrap(), object(next), "{answer}");
        }
    }

    #[test]
    fn pages_are_merged_by_what_goes_on_and_cut_between_two() {
        let by = pages(
            json!({"result_key": ["Items", "Count", "List.Names"], "non_aggregate_keys": ["List.Id", "Of"]}),
        );
        let answers = [
            json!({"Items": [1, 2], "Count": 2, "List": {"Names": ["a"], "Id": "x"}, "Of": "o", "NextToken": "t"}),
            json!({"Items": [3], "Count": 1, "Of": "p", "NextToken": "u"}),
            json!({"Count": 0, "List": {"Names": ["b"]}}),
        ];
        let gathered = gathered(&by, &answers);
        let two = json!({"Items": [1, 2, 3], "Count": 3, "List": {"Names": ["a"], "Id": "x"}, "Of": "o"});
        let all =
            json!({"Items": [1, 2, 3], "Count": 3, "List": {"Names": ["a", "b"], "Id": "x"}, "Of": "o"});
        assert_eq!((gathered.pages(), Json::from(gathered.merged(2))), (3, two));
        let resumed: Vec<_> = (0..=3).map(|pages| gathered.resume(pages).cloned().map(Json::from)).collect();
        assert_eq!(resumed, [None, Some(json!({"Token": "t"})), Some(json!({"Token": "u"})), None]);
        assert_eq!(Json::from(gathered.merged(3)), all);
        assert_eq!(Json::from(gathered.into_merged()), all);
    }

    #[test]
    fn what_holds_for_all_pages_keeps_its_structure_be_it_empty() {
        let by = pages(json!({"result_key": ["List.Names"], "non_aggregate_keys": ["List.Id", "Of.Whom"]}));
        let merged = |answers: &[Json]| Json::from(gathered(&by, answers).into_merged());
        assert_eq!(merged(&[json!({"List": {}}), json!({"Of": {"Whom": 1}})]), json!({"List": {}}));
        let later = [json!({"List": {}}), json!({"List": {"Names": ["a"], "Id": "x"}})];
        assert_eq!(merged(&later), json!({"List": {"Names": ["a"]}}));
        assert_eq!(merged(&[json!({}), json!({})]), json!({}));
    }

    #[test]
    fn text_goes_on_where_it_is_all_that_there_is() {
        let answers = [json!({"Text": "a", "Items": [1]}), json!({"Text": "b", "Items": [2]})];
        let alone = gathered(&pages(json!({"result_key": ["Text"]})), &answers).into_merged();
        assert_eq!(Json::from(alone), json!({"Text": "ab"}));
        let beside = gathered(&pages(json!({"result_key": ["Text", "Items"]})), &answers).into_merged();
        assert_eq!(Json::from(beside), json!({"Text": "a", "Items": [1, 2]}));
    }

    #[test]
    fn a_part_is_never_counted_as_more_than_it_adds() {
        let by = pages(json!({"result_key": ["Items", "List.Names"]}));
        let answers =
            [json!({"Items": ["a"], "List": {"Names": ["é"]}}), json!({"Items": [], "List": {"Names": [1]}})];
        let gathered = gathered(&by, &answers);
        let counted: usize = gathered.parts.iter().map(|part| by.size(&part.members)).sum();
        assert!(counted <= Json::from(gathered.into_merged()).to_string().len());
        assert_eq!(by.size(&object(json!({"Items": ["x".repeat(100)]}))), 114 - 13 - 12 - 13);
    }
}
