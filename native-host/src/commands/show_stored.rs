//! `ingle show NAME`: a stored model in the sections that Ollama prints.

use serde_json::{Value, json};
use store::human_number;

use super::{human, print_json};
use crate::args::{Format, ShowArgs};
use crate::client::{self, Shown};
use crate::failure::Failure;
use crate::term;

/// Lines of the license; the whole of it is behind `--license`.
const LICENSE_LINES: usize = 2;
/// Elements of an array of metadata that are shown.
const ARRAY_ELEMENTS: usize = 3;

/// Prints what the server knows of a model.
pub fn run(name: &str, args: &ShowArgs) -> Result<(), Failure> {
    let flags = &args.stored;
    let is_verbose = flags.verbose || args.tensors;
    let body = json!({"model": name, "verbose": is_verbose});
    let value: Value = client::block_on(async {
        let client = client::connect().await?;
        Ok(client.post("/api/show", &body).await?)
    })?;
    if args.format == Format::Json {
        return print_json(&value);
    }
    let shown: Shown = serde_json::from_value(value).unwrap_or_default();
    let texts = [
        (flags.license, &shown.license),
        (flags.modelfile, &shown.modelfile),
        (flags.parameters, &shown.parameters),
        (flags.system, &shown.system),
        (flags.template, &shown.template),
    ];
    match texts.iter().find(|(is_meant, _)| *is_meant) {
        Some((_, text)) => print_text(text),
        None => term::text_out(&sections(&shown, is_verbose)),
    }
}

/// A text as it is stored; on a terminal it does nothing to it.
fn print_text(text: &str) -> Result<(), Failure> {
    match term::out_is_terminal() {
        true => term::line(&term::clean_text(text)),
        false => term::line(text),
    }
}

/// Everything that `show` says about a model, and `/show info` in a conversation.
pub fn sections(shown: &Shown, is_verbose: bool) -> String {
    let mut out = section("Model", &model_rows(shown));
    let words = |words: &[String]| words.iter().map(|word| vec![word.clone()]).collect::<Vec<_>>();
    out.push_str(&section("Capabilities", &words(&shown.capabilities)));
    out.push_str(&section("Projector", &projector_rows(shown)));
    out.push_str(&section("Parameters", &parameter_rows(&shown.parameters)));
    if is_verbose {
        let metadata = shown.model_info.iter().map(|(key, value)| vec![key.clone(), plain(value)]);
        out.push_str(&section("Metadata", &metadata.collect::<Vec<_>>()));
        let tensors = shown.tensors.iter().map(|tensor| {
            vec![tensor.name.clone(), tensor.kind.clone(), format!("{:?}", tensor.shape)]
        });
        out.push_str(&section("Tensors", &tensors.collect::<Vec<_>>()));
    }
    out.push_str(&section("System", &lines(&shown.system, LICENSE_LINES)));
    out.push_str(&section("License", &lines(&shown.license, LICENSE_LINES)));
    out
}

fn section(title: &str, rows: &[Vec<String>]) -> String {
    match rows.is_empty() {
        true => String::new(),
        false => format!("  {title}\n{}\n", human::table("    ", rows)),
    }
}

fn model_rows(shown: &Shown) -> Vec<Vec<String>> {
    let info = &shown.model_info;
    let architecture = info.get("general.architecture").and_then(Value::as_str);
    let architecture = architecture.unwrap_or(&shown.details.family);
    let number = |key: &str| info.get(key).and_then(Value::as_u64);
    let length = |key: &str| number(&format!("{architecture}.{key}")).map(|n| n.to_string());
    let parameters = number("general.parameter_count").map(human_number);
    let rows = [
        ("architecture", Some(architecture.to_owned())),
        ("parameters", parameters.or_else(|| Some(shown.details.parameter_size.clone()))),
        ("context length", length("context_length")),
        ("embedding length", length("embedding_length")),
        ("quantization", Some(shown.details.quantization_level.clone())),
        ("parent model", Some(shown.details.parent_model.clone())),
    ];
    let filled = rows.into_iter().filter_map(|(label, value)| Some((label, value?)));
    let filled = filled.filter(|(_, value)| !value.is_empty());
    filled.map(|(label, value)| vec![label.to_owned(), value]).collect()
}

fn projector_rows(shown: &Shown) -> Vec<Vec<String>> {
    let row = |(key, value): (&String, &Value)| vec![key.clone(), plain(value)];
    shown.projector_info.iter().map(row).collect()
}

/// `name value` lines, the value where Ollama puts it.
fn parameter_rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let row = |line: &str| match line.trim().split_once(char::is_whitespace) {
        Some((name, value)) => vec![name.to_owned(), value.trim().to_owned()],
        None => vec![line.trim().to_owned()],
    };
    lines.map(row).collect()
}

/// The first lines that say something.
fn lines(text: &str, n: usize) -> Vec<Vec<String>> {
    let mut said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut rows: Vec<_> = said.by_ref().take(n).map(|line| vec![line.to_owned()]).collect();
    if said.next().is_some() {
        rows.push(vec!["...".to_owned()]);
    }
    rows
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(elements) => {
            let shown = elements.iter().take(ARRAY_ELEMENTS).map(plain).collect::<Vec<_>>();
            let more = if elements.len() > ARRAY_ELEMENTS { ", ..." } else { "" };
            format!("[{}{more}]", shown.join(", "))
        }
        other => other.to_string(),
    }
}
