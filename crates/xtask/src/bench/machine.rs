//! What numbers belong to: processor, threads, instruction sets, system. No names of machines or
//! people.

use std::env;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::process::{self, program};

/// The machine, for the result file.
pub fn describe() -> Value {
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "cpu": cpu_name().unwrap_or_else(|| "unknown".into()),
        "threads": threads,
        "instruction_sets": instruction_sets(),
        "os": env::consts::OS,
        "arch": env::consts::ARCH,
    })
}

fn cpu_name() -> Option<String> {
    if cfg!(target_os = "macos") {
        let name = process::stdout_of(program("sysctl").args(["-n", "machdep.cpu.brand_string"]));
        return Some(name.ok()?.trim().to_string());
    }
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

/// Those that kernels of any engine choose by.
fn instruction_sets() -> Vec<&'static str> {
    macro_rules! detected {
        ($detect:ident: $($name:tt)*) => {
            [$(($name, std::arch::$detect!($name))),*]
        };
    }
    #[cfg(target_arch = "x86_64")]
    let all = detected!(is_x86_feature_detected: "avx2" "fma" "f16c" "avxvnni" "avx512f" "avx512bw"
        "avx512vnni" "avx512bf16" "avx512fp16");
    #[cfg(target_arch = "aarch64")]
    let all = detected!(is_aarch64_feature_detected: "neon" "dotprod" "i8mm" "bf16" "sve" "sve2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let all: [(&str, bool); 0] = [];
    all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

/// Today in UTC, as `2026-01-31`.
pub fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    civil(seconds / 86_400)
}

/// The calendar day that is `days` after 1970-01-01 (Hinnant's algorithm for the Gregorian
/// calendar: years begin in March, so that the leap day is the last one).
fn civil(days: u64) -> String {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        let table = [(0, "1970-01-01"), (11_016, "2000-02-29"), (20_818, "2026-12-31")];
        for (days, wanted) in table {
            assert_eq!(civil(days), wanted);
        }
    }
}
