//! `ingle list` and `ingle ps`: models that are stored, models that are in memory.

use chrono::Utc;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::human_bytes;

use super::{human, print_json};
use crate::args::{Format, ListArgs, PsArgs};
use crate::client::{self, ListModel, Listed, Process, Processes};
use crate::failure::Failure;
use crate::term;

/// Digits of a digest that people see.
const ID_DIGITS: usize = 12;

/// `ingle list`, the model that changed last first.
pub fn list(args: &ListArgs) -> Result<(), Failure> {
    let listed: Listed = client::block_on(async {
        let client = client::connect().await?;
        Ok(client.get("/api/tags").await?)
    })?;
    print_list(listed, args)
}

/// Prints stored models.
pub fn print_list(listed: Listed, args: &ListArgs) -> Result<(), Failure> {
    let prefix = args.prefix.as_deref().unwrap_or_default().to_lowercase();
    let is_meant = |model: &ListModel| model.name.to_lowercase().starts_with(&prefix);
    let models = typed(listed.models, is_meant);
    if args.format == Format::Json {
        return json(models);
    }
    if models.is_empty() && prefix.is_empty() && term::out_is_terminal() {
        term::note(
            "No models yet: `ingle run demo` answers at once, `ingle pull` gets larger ones.",
        );
    }
    let now = Utc::now();
    let mut rows = vec![["NAME", "ID", "SIZE", "MODIFIED"].map(str::to_owned).to_vec()];
    rows.extend(models.into_iter().map(|(model, _)| {
        let modified = human::when(&model.modified_at, now);
        vec![model.name, id(&model.digest), human_bytes(model.size), modified]
    }));
    // A terminal shows what fits; a pipe gets all of it.
    let rows = human::fitted(rows, term::out_width(), &["ID", "MODIFIED"]);
    term::text_out(&human::table("", &rows))
}

/// `ingle ps`, the model that stays longest first.
pub fn ps(args: &PsArgs) -> Result<(), Failure> {
    let loaded: Processes = client::block_on(async {
        let client = client::connect().await?;
        Ok(client.get("/api/ps").await?)
    })?;
    let models = typed(loaded.models, |_: &Process| true);
    if args.format == Format::Json {
        return json(models);
    }
    let now = Utc::now();
    let head = ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(models.into_iter().map(|(model, _)| {
        let until = match human::is_past(&model.expires_at, now) {
            true => "Stopping...".to_owned(),
            false => human::when(&model.expires_at, now),
        };
        vec![
            model.name.clone(),
            id(&model.digest),
            human_bytes(model.size),
            processor(&model),
            model.context_length.to_string(),
            until,
        ]
    }));
    let rows = human::fitted(rows, term::out_width(), &["ID", "CONTEXT", "UNTIL", "SIZE"]);
    term::text_out(&human::table("", &rows))
}

/// Objects as they are shown, beside what the server said: JSON has that whole. What is no such
/// object is left out.
fn typed<T: DeserializeOwned>(
    values: Vec<Value>,
    is_meant: impl Fn(&T) -> bool,
) -> Vec<(T, Value)> {
    let read = |value: Value| Some((serde_json::from_value(value.clone()).ok()?, value));
    values.into_iter().filter_map(read).filter(|(model, _)| is_meant(model)).collect()
}

fn json<T>(models: Vec<(T, Value)>) -> Result<(), Failure> {
    print_json(&models.into_iter().map(|(_, value)| value).collect::<Vec<_>>())
}

fn id(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(ID_DIGITS).collect()
}

/// Where a model lies: "100% GPU", "48%/52% CPU/GPU".
pub fn processor(model: &Process) -> String {
    match (model.size, model.size_vram) {
        (_, 0) => "100% CPU".to_owned(),
        (size, vram) if vram == size => "100% GPU".to_owned(),
        (size, vram) if vram > size => "Unknown".to_owned(),
        (size, vram) => {
            let cpu = ((size - vram) as f64 / size as f64 * 100.0).round();
            format!("{cpu}%/{}% CPU/GPU", 100.0 - cpu)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors() {
        let rows = [
            (10, 0, "100% CPU"),
            (10, 10, "100% GPU"),
            (100, 52, "48%/52% CPU/GPU"),
            (1000, 996, "0%/100% CPU/GPU"),
            (10, 11, "Unknown"),
            (0, 0, "100% CPU"),
        ];
        for (size, size_vram, wanted) in rows {
            assert_eq!(processor(&Process { size, size_vram, ..Process::default() }), wanted);
        }
    }
}
