//! Codes and exit codes, as the README promises them.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::Run;

/// Codes and exit codes as the README has them.
pub fn documented() -> &'static [(String, i32)] {
    static TABLE: OnceLock<Vec<(String, i32)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
        let (_, table) = readme.split_once("| Exit code | Meaning | Codes |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let exit: i32 = cells[1].parse().unwrap();
            let codes = cells[3].split_whitespace().map(|code| code.trim_matches('`').to_owned());
            codes.map(|code| (code, exit)).collect::<Vec<_>>()
        };
        rows.flat_map(row).collect()
    })
}

/// The code at the end of what was said, and what is wrong with it, if anything is.
pub fn code_of(run: &Run) -> Result<String, String> {
    let said = run.stderr.lines().last().unwrap_or_default();
    let told: Option<Value> = serde_json::from_str(said).ok();
    let code = match &told {
        Some(told) => told["code"].as_str(),
        None => said.rsplit_once(" [").and_then(|(_, code)| code.strip_suffix(']')),
    };
    let code = code.ok_or_else(|| "no code at the end".to_owned())?;
    let found = documented().iter().find(|(known, _)| known == code);
    match found {
        None => Err(format!("\"{code}\" is not in the README")),
        Some((_, exit)) if run.code != Some(*exit) => {
            Err(format!("{code} ends with {:?} and not {exit}", run.code))
        }
        Some(_) => Ok(code.to_owned()),
    }
}
