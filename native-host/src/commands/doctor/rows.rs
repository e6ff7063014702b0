//! The rows of the doctor, each from one look at the machine.

use gpu::{Finding, Gpu, Options};
use serde::Serialize;

use crate::serve::free_memory;
use crate::serve::library;
use crate::{container, doctor, term};

/// Less free memory than this holds no model worth asking.
const LITTLE_MEMORY: u64 = 2_000_000_000;
/// Less room than this holds no usual model.
const LITTLE_SPACE: u64 = 5_000_000_000;
/// Left to the rest of the machine: this share of what is free.
const RESERVE_SHARE: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    Pass,
    /// Works, and could be better.
    Note,
    /// Does not work.
    Problem,
    Untested,
}

impl Mark {
    pub fn glyph(self) -> &'static str {
        match self {
            Mark::Pass => "✓",
            Mark::Note => "!",
            Mark::Problem => "✗",
            Mark::Untested => "-",
        }
    }
}

/// One question and its answer.
#[derive(Serialize)]
pub struct Row {
    pub name: &'static str,
    pub mark: Mark,
    pub finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// One kernel form that was compared with the processor.
#[derive(Serialize)]
pub struct Kernel {
    form: String,
    /// None if it did not run.
    error: Option<f64>,
    tolerance: f64,
    right: bool,
}

impl Row {
    fn new(name: &'static str, mark: Mark, finding: String) -> Row {
        Row { name, mark, finding, help: None }
    }

    fn help(mut self, text: &str) -> Row {
        self.help = Some(text.to_owned());
        self
    }
}

/// The graphics chip, whether its numbers are right, and the forms that were tried.
pub fn graphics() -> (Row, Row, Vec<Kernel>) {
    let untested = |why: &str| Row::new("numbers", Mark::Untested, why.to_owned());
    let options = Options { allow_software: true, ..Options::default() };
    let gpu = match pollster::block_on(Gpu::open(&options)) {
        Ok(gpu) => gpu,
        Err(kernels::PlayerError::Unsupported { .. }) => {
            let row = Row::new("graphics", Mark::Note, "no graphics chip was found".to_owned());
            let row = row.help("models run on the processor, slower; a driver may be missing");
            return (row, untested("nothing to compare with the processor"), Vec::new());
        }
        Err(error) => {
            let row = Row::new("graphics", Mark::Problem, error.to_string());
            let row = row.help("update or reinstall the graphics driver; the processor works");
            return (row, untested("the graphics chip could not be opened"), Vec::new());
        }
    };
    let mut tried = Vec::new();
    let examined = doctor::examine(&gpu, |finding| tried.push(finding.clone()));
    let numbers = match examined {
        Ok(()) => numbers(&gpu, &tried),
        Err(error) => Row::new("numbers", Mark::Problem, error.to_string())
            .help("update the graphics driver; until then use --device cpu"),
    };
    let kernel = |Finding { form, error, tolerance, .. }: &Finding| Kernel {
        form: form.clone(),
        error: error.is_finite().then_some(*error),
        tolerance: *tolerance,
        right: error <= tolerance,
    };
    (adapter(&gpu), numbers, tried.iter().map(kernel).collect())
}

fn adapter(gpu: &Gpu) -> Row {
    let chip = gpu.summary();
    let mut facts = vec![chip.name, chip.backend, chip.driver];
    facts.push(format!("{} in one piece", term::bytes(chip.max_binding_bytes)));
    facts.extend(chip.forms.subgroups.then(|| "subgroups".to_owned()));
    facts.extend(chip.forms.f16.then(|| "f16".to_owned()));
    facts.retain(|fact| !fact.is_empty());
    let software = chip.kind == "cpu";
    let row =
        Row::new("graphics", if software { Mark::Note } else { Mark::Pass }, facts.join(", "));
    match software {
        true => row.help("this one computes on the processor; models use the processor itself"),
        false => row,
    }
}

fn numbers(gpu: &Gpu, tried: &[Finding]) -> Row {
    let n_right = gpu.findings().len();
    let off: Vec<String> = gpu.switched_off().iter().map(ToString::to_string).collect();
    if off.is_empty() {
        let said = format!("{n_right} of {n_right} kernels agree with the processor");
        return Row::new("numbers", Mark::Pass, said);
    }
    let n_wrong = tried.iter().filter(|finding| !finding.is_right()).count();
    let said = format!("{n_wrong} wrong: {}", off.join("; "));
    let help = match gpu.trusts(gpu::Part::Device) {
        true => "answers stay right and may be slower; a newer graphics driver may help",
        false => "models run on the processor; a newer graphics driver may help",
    };
    Row::new("numbers", Mark::Problem, said).help(help)
}

pub fn processor() -> Row {
    let n = std::thread::available_parallelism().map_or(1, usize::from);
    let sets = cpu::instruction_sets();
    let threads = if n == 1 { "thread" } else { "threads" };
    let said = format!("{}, {n} {threads}, {}", cpu::cpu_name(), sets.join(" "));
    if sets.first().is_none_or(|&set| set == "scalar") {
        let row = Row::new("processor", Mark::Note, said);
        return row.help("no vector instructions that ingle knows, so answers are slow");
    }
    Row::new("processor", Mark::Pass, said)
}

/// Free memory, and how large a model may be.
pub fn memory() -> (Row, Option<u64>) {
    let limit = container::memory_limit();
    let free = [free_memory(), limit].into_iter().flatten().min();
    let Some(free) = free else {
        let said = "this system does not say how much is free".to_owned();
        return (Row::new("memory", Mark::Untested, said), None);
    };
    let mut said = format!("{} free", term::bytes(free));
    if let Some(limit) = limit {
        said += &format!(", in a container of {}", term::bytes(limit));
    }
    let row = match free < LITTLE_MEMORY {
        true => Row::new("memory", Mark::Note, said).help("close other programs for larger models"),
        false => Row::new("memory", Mark::Pass, said),
    };
    (row, Some(free - free / RESERVE_SHARE))
}

/// Room for models.
pub fn store() -> Row {
    let free = library::of_machine()
        .map(|library| pollster::block_on(store::BlobIo::free_space(library.store().io())));
    match free {
        Err(error) => Row::new("store", Mark::Problem, error.to_string()),
        Ok(None) => {
            Row::new("store", Mark::Untested, "the system does not say how much is free".to_owned())
        }
        Ok(Some(free)) => {
            let said = format!("{} free", term::bytes(free));
            match free < LITTLE_SPACE {
                true => Row::new("store", Mark::Note, said)
                    .help("free some, or name another folder in OLLAMA_MODELS"),
                false => Row::new("store", Mark::Pass, said),
            }
        }
    }
}
