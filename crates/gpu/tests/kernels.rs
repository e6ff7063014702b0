//! Every kernel family against its twin: on every adapter, in every form the adapter has.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

use gpu::{Gpu, Options, check_kernels, list};

fn run(name: &str, subgroups: bool, f16: bool) {
    let options = Options {
        name: Some(name.to_string()),
        allow_software: true,
        allow_subgroups: Some(subgroups),
        allow_f16: Some(f16),
        ..Options::default()
    };
    let gpu = pollster::block_on(Gpu::open(&options)).unwrap();
    let results = pollster::block_on(check_kernels(&gpu, "")).unwrap();
    let form = gpu.summary().forms;
    println!("{name}, {form:?}: {} checks", results.len());
    assert!(results.len() > 250, "only {} checks ran", results.len());
    let failures: Vec<String> = results
        .iter()
        .filter(|r| !r.passed())
        .map(|r| format!("{}: error {:.1e}, allowed {:.1e}", r.name, r.error, r.tolerance))
        .collect();
    assert!(failures.is_empty(), "{name}, {form:?}:\n{}", failures.join("\n"));
}

#[test]
fn kernels_equal_their_twins_on_every_adapter() {
    let adapters = pollster::block_on(list());
    if adapters.is_empty() {
        println!("SKIPPED kernels: no GPU adapter, not even a software one (llvmpipe)");
    }
    for adapter in adapters {
        // All forms on and all off; a kernel uses one of the two features at most.
        run(&adapter.name, adapter.forms.subgroups, adapter.forms.f16);
        if adapter.forms.subgroups || adapter.forms.f16 {
            run(&adapter.name, false, false);
        }
    }
}
