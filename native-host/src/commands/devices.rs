//! `ingle devices`: where models can run on this machine.

use serde::Serialize;

use super::print_json;
use crate::args::{DevicesArgs, Format};
use crate::failure::Failure;
use crate::{term, tuning};

/// One line of the list.
#[derive(Serialize)]
struct Row {
    /// What `--device` calls it.
    device: &'static str,
    name: String,
    /// How it is reached: "vulkan", or the instruction sets.
    backend: String,
    /// "discrete", "integrated", "virtual", "cpu", "other".
    kind: String,
    /// False for a GPU emulated in software, which `--device auto` passes over.
    hardware: bool,
    driver: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu: Option<GpuRow>,
}

/// What only graphics devices have.
#[derive(Serialize)]
struct GpuRow {
    max_binding_bytes: u64,
    max_buffer_bytes: u64,
    subgroup_size: [u32; 2],
    subgroups: bool,
    f16: bool,
    /// Kernels that were found to be the fastest here, as sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tuned: Vec<String>,
}

pub fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let rows = rows();
    if args.format == Format::Json {
        return print_json(&rows);
    }
    rows.iter().try_for_each(|row| {
        let mut facts = vec![row.backend.clone()];
        if let Some(gpu) = &row.gpu {
            facts.extend([row.kind.clone(), row.driver.clone()]);
            facts.extend(gpu.subgroups.then(|| "subgroups".to_owned()));
            facts.extend(gpu.f16.then(|| "f16".to_owned()));
        }
        if !row.hardware {
            facts.push("software, only with --device gpu".to_owned());
        }
        facts.retain(|fact| !fact.is_empty());
        let line = format!("{:<10} {}  ({})", row.device, row.name, facts.join(", "));
        term::line(&term::clean(&line))?;
        let tuned = row.gpu.iter().flat_map(|gpu| &gpu.tuned);
        tuned.into_iter().try_for_each(|text| term::line(&term::clean(&format!("{:11}{text}", ""))))
    })
}

fn rows() -> Vec<Row> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = vec![Row {
        device: "cpu",
        name: format!("{}, {threads} threads", cpu::cpu_name()),
        backend: cpu::instruction_sets().join(" "),
        kind: "cpu".to_owned(),
        hardware: true,
        driver: String::new(),
        gpu: None,
    }];
    rows.extend(pollster::block_on(gpu::list()).into_iter().map(|adapter| {
        let tuned = tuning::stored(&adapter.name);
        row_of(adapter, tuned)
    }));
    rows
}

fn row_of(adapter: gpu::AdapterSummary, tuned: Vec<String>) -> Row {
    Row {
        device: "gpu",
        name: adapter.name,
        backend: adapter.backend,
        hardware: adapter.kind != "cpu",
        kind: adapter.kind,
        driver: adapter.driver,
        gpu: Some(GpuRow {
            max_binding_bytes: adapter.max_binding_bytes,
            max_buffer_bytes: adapter.max_buffer_bytes,
            subgroup_size: [adapter.subgroup_size.0, adapter.subgroup_size.1],
            subgroups: adapter.forms.subgroups,
            f16: adapter.forms.f16,
            tuned,
        }),
    }
}
