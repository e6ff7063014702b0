//! Every kernel variant is valid WGSL for naga, and its uniform structs are those of the table.
//!
//! All failures are collected before the test fails, so that one broken part shows everything it
//! breaks. Chromium compiles the browser dialect of the same list elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should panic")]

use kernels::shader::{Variant, all_variants, params};
use naga::valid::{Capabilities, ValidationFlags, Validator};

fn check(variant: &Variant) -> Result<naga::Module, String> {
    let options = naga::front::wgsl::Options {
        capabilities: Capabilities::all(),
        ..naga::front::wgsl::Options::new()
    };
    let module = naga::front::wgsl::Frontend::new_with_options(options)
        .parse(&variant.native)
        .map_err(|e| e.emit_to_string(&variant.native))?;
    Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(&variant.native))?;
    Ok(module)
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
