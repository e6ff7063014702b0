//! What is measured with what: the lists of the command line, crossed.
//!
//! Models vary slowest and batches fastest, so that the rows of a model stand together and nothing
//! is loaded twice that need not be.

use std::path::PathBuf;

use engine::bench::{self, Test};

use crate::args::{BenchArgs, Device, Kv, LoadArgs};
use crate::failure::Failure;

/// Tokens of the prompt and tokens to write when nothing is said, as other tools do.
const DEFAULT_PROMPT: usize = 512;
const DEFAULT_GEN: usize = 128;

/// More loads than anyone waits for; a typed list this long is a mistake.
const MAX_CONFIGS: usize = 1024;

/// One load of a model.
pub struct Config {
    pub file: PathBuf,
    pub load: LoadArgs,
    /// Tokens computed together, one after the other; `None` as the device likes.
    pub batches: Vec<Option<usize>>,
}

/// Tests of each model. With `-pg` alone only those; without anything the defaults.
pub fn tests(args: &BenchArgs) -> Vec<Test> {
    let is_bare = args.pg.is_empty() || !args.p.is_empty() || !args.n.is_empty();
    let or = |given: &[usize], default: usize| match given {
        [] if is_bare => vec![default],
        given => given.to_vec(),
    };
    let (prompts, gens) = (or(&args.p, DEFAULT_PROMPT), or(&args.n, DEFAULT_GEN));
    bench::with_slots(&bench::tests(&prompts, &gens, &args.pg, &args.d), &args.slots)
}

/// Every combination.
pub fn configs(args: &BenchArgs) -> Result<Vec<Config>, Failure> {
    let mut configs = Vec::new();
    let batches = batches(args);
    let n = [args.device.len(), args.gpu_layers.len(), args.threads.len(), args.kv.len()];
    let n = n.iter().fold(args.files.len(), |n, len| n.saturating_mul((*len).max(1)));
    if n > MAX_CONFIGS {
        let said = format!("these lists make {n} combinations; at most {MAX_CONFIGS} are measured");
        return Err(Failure::Usage(said));
    }
    for file in &args.files {
        for device in or_default(&args.device) {
            for gpu_layers in or_none(&args.gpu_layers) {
                for threads in or_none(&args.threads) {
                    for kv in or_default(&args.kv) {
                        let load = LoadArgs { device, gpu_layers, threads, ctx: None, kv };
                        let (file, batches) = (file.clone(), batches.clone());
                        configs.push(Config { file, load, batches });
                    }
                }
            }
        }
    }
    Ok(configs)
}

/// What a job has at most is the smaller of the two, as a job is all that is handed over at once.
fn batches(args: &BenchArgs) -> Vec<Option<usize>> {
    let mut batches = Vec::new();
    for b in or_none(&args.b) {
        for ub in or_none(&args.ub) {
            let batch = b.into_iter().chain(ub).min();
            if !batches.contains(&batch) {
                batches.push(batch);
            }
        }
    }
    batches
}

fn or_none<T: Copy>(given: &[T]) -> Vec<Option<T>> {
    if given.is_empty() { vec![None] } else { given.iter().copied().map(Some).collect() }
}

fn or_default<T: Copy + Default>(given: &[T]) -> Vec<T> {
    if given.is_empty() { vec![T::default()] } else { given.to_vec() }
}

/// As it is typed.
pub fn device_name(device: Device) -> &'static str {
    match device {
        Device::Auto => "auto",
        Device::Cpu => "cpu",
        Device::Gpu => "gpu",
        Device::Reference => "reference",
    }
}

/// As it is typed.
pub fn kv_name(kv: Kv) -> &'static str {
    bench::kv_name(crate::settings::kv_type(kv))
}

impl Config {
    /// For the line of progress: what sets this load apart.
    pub fn title(&self) -> String {
        let load = &self.load;
        let mut title = super::file_name(&self.file);
        if load.device != Device::Auto {
            title += &format!(" {}", device_name(load.device));
        }
        if let Some(n) = load.threads {
            title += &format!(" -t {n}");
        }
        if let Some(n) = load.gpu_layers {
            title += &format!(" --gpu-layers {n}");
        }
        if load.kv != Kv::default() {
            title += &format!(" --kv {}", kv_name(load.kv));
        }
        title
    }
}

#[cfg(test)]
mod tests_of_configs {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::args::{Command, parse_line};

    fn args(line: &str) -> BenchArgs {
        let Command::Bench(args) = parse_line(&format!("bench {line}")).unwrap() else {
            unreachable!("bench parses as bench")
        };
        args
    }

    #[test]
    fn defaults_and_lists_of_tests() {
        let table = [
            ("m", "pp512 tg128"),
            ("m -p 0", "tg128"),
            ("m -n 0 -d 4", "pp512@d4"),
            ("m -p 8,9 -n 4 -d 0,7", "pp8 pp8@d7 pp9 pp9@d7 tg4 tg4@d7"),
            ("m -pg 8,4", "pp8+tg4"),
            ("m -pg 8,4 -n 2", "pp512 tg2 pp8+tg4"),
            ("m -p 8 -n 4 --slots 1,4 -d 0,7", "pp8 pp8@d7 tg4 tg4x4 tg4@d7 tg4x4@d7"),
            ("m -p 0 -n 0", ""),
        ];
        for (line, wanted) in table {
            let names: Vec<String> = tests(&args(line)).iter().map(Test::name).collect();
            assert_eq!(names.join(" "), wanted, "{line}");
        }
    }

    #[test]
    fn combinations_keep_a_model_together() {
        let all = configs(&args("a b -t 1,2 --kv f16,q8_0 --device cpu")).unwrap();
        let titles: Vec<String> = all.iter().map(Config::title).collect();
        assert_eq!(titles.len(), 8);
        assert_eq!(titles[0], "a cpu -t 1");
        assert_eq!(titles[3], "a cpu -t 2 --kv q8_0");
        assert!(titles[4].starts_with('b'));
        let batches = |line| configs(&args(line)).unwrap().remove(0).batches;
        assert_eq!(batches("m"), [None]);
        assert_eq!(batches("m -b 64,128 -ub 32"), [Some(32)]);
        assert_eq!(batches("m -b 16,128 -ub 32,64"), [Some(16), Some(32), Some(64)]);
        let many = format!("m -t {}", ["1"; 2000].join(","));
        assert!(configs(&args(&many)).is_err());
    }
}
