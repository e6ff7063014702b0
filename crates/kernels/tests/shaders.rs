//! Every kernel variant is valid WGSL for naga, and its uniform structs are those of the table.
//!
//! All failures are collected before the test fails, so that one broken part shows everything it
//! breaks. Chromium compiles the browser dialect of the same list elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should panic")]

use kernels::shader::{Dialect, Forms, Variant, all_variants, coop_kernels, params};
use naga::back::{msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

fn check(variant: &Variant) -> Result<naga::Module, String> {
    validated(&variant.native).map(|(module, _)| module)
}

fn validated(wgsl: &str) -> Result<(naga::Module, ModuleInfo), String> {
    let options = naga::front::wgsl::Options {
        capabilities: Capabilities::all(),
        ..naga::front::wgsl::Options::new()
    };
    let module = naga::front::wgsl::Frontend::new_with_options(options)
        .parse(wgsl)
        .map_err(|e| e.emit_to_string(wgsl))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(wgsl))?;
    Ok((module, info))
}

/// Workgroup memory that every WebGPU device has.
const MAX_SHARED: u32 = 16384;

fn shared_bytes(module: &naga::Module) -> u32 {
    let layouter = module.to_ctx();
    module
        .global_variables
        .iter()
        .filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup)
        .map(|(_, v)| module.types[v.ty].inner.size(layouter).next_multiple_of(16))
        .sum()
}

#[test]
fn every_variant_is_valid_wgsl() {
    let mut errors = Vec::new();
    let mut n = 0;
    for variant in all_variants() {
        let variant = variant.expect("every slot has a part");
        n += 1;
        match check(&variant) {
            Err(error) => errors.push(format!("{}:\n{error}", variant.name)),
            Ok(module) if shared_bytes(&module) > MAX_SHARED => errors.push(format!(
                "{}: {} bytes of workgroup memory, {MAX_SHARED} allowed",
                variant.name,
                shared_bytes(&module)
            )),
            Ok(_) => {}
        }
    }
    assert!(n > 300, "only {n} variants");
    assert!(
        errors.is_empty(),
        "{} of {n} variants:\n{}",
        errors.len(),
        errors[..errors.len().min(3)].join("\n")
    );
}

#[test]
fn uniform_structs_agree_with_the_wgsl() {
    let table: &[(&str, &str, &[&str])] = &[
        ("MatVec", "Params", params::MatVec::FIELDS),
        ("MatVec", "Matrix", params::Matrix::FIELDS),
        ("MatVec", "Step", params::Step::FIELDS),
        ("MatMul", "Params", params::MatMul::FIELDS),
        ("MatFew", "Params", params::MatMul::FIELDS),
        ("Peak(Read", "Params", params::Peak::FIELDS),
        ("Quantize", "Params", params::Quantize::FIELDS),
        ("Embed", "Params", params::Embed::FIELDS),
        ("Norm", "Params", params::NormRows::FIELDS),
        ("RopeKv", "Params", params::RopeKv::FIELDS),
        ("AttnSplit", "Params", params::AttnSplit::FIELDS),
        ("AttnMerge", "Params", params::AttnMerge::FIELDS),
        ("AttnTile", "Params", params::AttnTile::FIELDS),
        ("Sample(ArgmaxPart", "Params", params::Sample::FIELDS),
    ];
    for (kernel, name, fields) in table {
        let variant = all_variants().map(Result::unwrap).find(|v| v.name.starts_with(kernel));
        let module = check(&variant.expect("the kernel is listed")).expect("valid");
        let ty = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name));
        let naga::TypeInner::Struct { members, span } = &ty.expect("the struct is there").1.inner
        else {
            panic!("{name} of {kernel} is not a struct");
        };
        let names: Vec<&str> = members.iter().filter_map(|m| m.name.as_deref()).collect();
        assert_eq!(&names, fields, "{name} of {kernel}");
        assert_eq!(span % 16, 0, "{name} of {kernel} has no padding at its end");
    }
}

/// No adapter here has matrix units, so what can be seen is that the kernels are valid, fit the
/// memory, and become the instructions they are for, in SPIR-V and in Metal's language.
#[test]
fn matrix_unit_kernels_become_matrix_instructions() {
    /// `OpCooperativeMatrixLoadKHR`, `…StoreKHR`, `…MulAddKHR`.
    const OPS: [(u32, usize); 3] = [(4457, 7), (4458, 8), (4459, 8)];
    let kernels = coop_kernels();
    assert!(kernels.len() > 30, "only {} kernels", kernels.len());
    for kernel in kernels {
        let name = kernel.name(Forms::default());
        let wgsl = kernel.wgsl(Forms::default(), Dialect::Native).unwrap();
        let (module, info) = validated(&wgsl).unwrap_or_else(|e| panic!("{name}:\n{e}"));
        assert!(shared_bytes(&module) <= MAX_SHARED, "{name}: {} bytes", shared_bytes(&module));
        let options = spv::Options { lang_version: (1, 4), ..Default::default() };
        let words = spv::write_vec(&module, &info, &options, None).expect(&name);
        for (op, n) in OPS {
            assert_eq!(count(&words, op), n, "{name}: instruction {op}");
        }
        let options = msl::Options { lang_version: (2, 3), ..Default::default() };
        let pipeline = msl::PipelineOptions::default();
        let wrote = msl::write_string(&module, &info, &options, &pipeline);
        if name.contains("size: 8,") {
            let (text, _) = wrote.expect(&name);
            for call in ["NagaCooperativeLoad(", "NagaCooperativeMultiplyAdd(", "simdgroup_store("]
            {
                assert!(text.matches(call).count() >= 8, "{name}: {call}");
            }
        }
    }
}

/// Instructions with this opcode; a SPIR-V module is a header of five words and then instructions
/// that begin with their length and opcode.
fn count(words: &[u32], opcode: u32) -> usize {
    let (mut at, mut n) = (5, 0);
    while let Some(&word) = words.get(at) {
        n += usize::from(word & 0xffff == opcode);
        at += ((word >> 16) as usize).max(1);
    }
    n
}
