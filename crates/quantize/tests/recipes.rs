//! Every recipe against what llama.cpp decided: `recipes.txt`, made by `recipes.py`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::shapes::{SHAPES, Shape};
use quantize::{FileType, Options, Plan, tensor_type, tensor_type_override};

const TABLE: &str = include_str!("recipes.txt");

/// The options that a line's third column names.
fn options(file_type: FileType, asked: &str) -> Options {
    let mut options = Options::new(file_type);
    match asked.split_once('=').unwrap_or((asked, "")) {
        ("" | "imatrix", _) => {}
        ("pure", _) => options.pure = true,
        ("leave-output", _) => options.leave_output = true,
        ("embedding", ty) => options.token_embedding_type = Some(tensor_type(ty).unwrap()),
        ("output", ty) => options.output_type = Some(tensor_type(ty).unwrap()),
        ("type", rule) => options.tensor_types.push(tensor_type_override(rule).unwrap()),
        ("prune", layers) => {
            options.prune = layers.split(',').map(|layer| layer.parse().unwrap()).collect();
        }
        other => unreachable!("{other:?}"),
    }
    options
}

/// A plan in the form of the table's last column.
fn shown(plan: &Plan) -> String {
    let mut kinds: BTreeMap<String, BTreeMap<&str, Vec<i64>>> = BTreeMap::new();
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for step in &plan.steps {
        let layer = step.name.strip_prefix("blk.").and_then(|rest| rest.split_once('.'));
        let (layer, kind) =
            layer.map_or((-1, step.name.as_str()), |(layer, kind)| (layer.parse().unwrap(), kind));
        let kind = kind.strip_suffix(".weight").unwrap().to_owned();
        let ty = step.to.name();
        kinds.entry(kind).or_default().entry(ty).or_default().push(layer);
        *counts.entry(ty).or_default() += 1;
    }
    let usual = *counts.iter().min_by_key(|(ty, n)| (-**n, **ty)).unwrap().0;
    let mut parts = vec![usual.to_owned()];
    for (kind, types) in &kinds {
        if types.len() == 1 && types.contains_key(usual) {
            continue;
        }
        let each = types.iter().map(|(ty, layers)| match types.len() {
            1 => (*ty).to_owned(),
            _ => format!("{ty}@{}", ranges(layers)),
        });
        parts.push(format!("{kind}={}", each.collect::<Vec<_>>().join(";")));
    }
    parts.join(" ")
}

fn ranges(layers: &[i64]) -> String {
    let mut out: Vec<(i64, i64)> = Vec::new();
    for layer in layers {
        match out.last_mut() {
            Some((_, last)) if *last == layer - 1 => *last = *layer,
            _ => out.push((*layer, *layer)),
        }
    }
    let text = |(a, b): &(i64, i64)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    out.iter().map(text).collect::<Vec<_>>().join(",")
}

#[test]
fn types_are_llama_cpps() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    let mut even = BTreeMap::new();
    for line in TABLE.lines() {
        let [model, file_type, asked, want] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let shape: &Shape = SHAPES.iter().find(|shape| shape.name == model).unwrap();
        let file_type: FileType = file_type.parse().unwrap();
        seen.insert((model, file_type.id(), asked));
        let tensors = shape.tensors();
        // Q2_K_S is refused without importances, which `pipeline.rs` tests; with even ones its
        // choice is the same.
        let is_needed = asked == "imatrix" || file_type == FileType::Q2_K_S;
        let imatrix = is_needed
            .then(|| &*even.entry(model).or_insert_with(|| common::even_imatrix(&tensors)));
        let options = options(file_type, asked);
        let plan = Plan::new(&shape.metadata(), &tensors, &options, imatrix).unwrap();
        let got = shown(&plan);
        if got != want {
            wrong.push(format!("{model} {file_type} {asked}\n  want {want}\n  got  {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} lines differ:\n{}", wrong.len(), wrong.join("\n"));
    for shape in SHAPES {
        for file_type in FileType::ALL {
            assert!(seen.contains(&(shape.name, file_type.id(), "")), "{} {file_type}", shape.name);
        }
    }
}

#[test]
fn names_of_file_types() {
    for file_type in FileType::ALL {
        assert_eq!(file_type.name().to_lowercase().parse(), Ok(*file_type));
    }
    assert_eq!("q4_k".parse(), Ok(FileType::Q4_K_M));
    let error = "Q4_X".parse::<FileType>().unwrap_err().to_string();
    assert!(error.starts_with("\"Q4_X\" is no type") && error.contains("Q4_K_M"), "{error}");
}
