//! The planner as tables: made-up models against made-up machines.

use super::*;

const GB: u64 = 1_000_000_000;
const KV: [(u8, &str); 2] = [(16, "f16"), (8, "q8_0")];

/// 1.1 GB of weights, 0.3 of scratch, and 0.122 MB a token at f16: 0.5 GB for 4096.
fn needs(_: Device, context: u64, kv: u8) -> Needs {
    let context = context * 122_070 * u64::from(kv) / 16;
    Needs { weights: 11 * GB / 10, context, scratch: 3 * GB / 10, largest: context / 32 }
}

fn model(context: u64) -> Model<'static, u8> {
    Model {
        needs: &needs,
        kv_types: &KV,
        context,
        is_kv_fixed: false,
        storage: 11 * GB / 10,
        n_params: 17 * GB / 10,
    }
}

fn gpu(tenths: u64) -> Place {
    Place { device: Device::Gpu, bytes: Some(tenths * GB / 10), buffer: None }
}

fn cpu(tenths: u64) -> Place {
    Place { device: Device::Cpu, ..gpu(tenths) }
}

fn ask(context: u64, places: Vec<Place>, storage: Option<u64>) -> Fit<u8> {
    plan(&model(context), &Limits { places, storage, host: Host::Browser }).unwrap()
}

#[test]
fn verdicts_with_their_sums() {
    type Row = (u64, Vec<Place>, Verdict, u64, u8, Device, &'static str);
    let rows: Vec<Row> = vec![
        (
            4096,
            vec![gpu(40), cpu(40)],
            Verdict::Well,
            4096,
            16,
            Device::Gpu,
            "Needs 1.9 of 4.0 GB: 1.1 weights, 0.5 for 4,096 tokens of context, 0.3 working space.",
        ),
        (4096, vec![gpu(27)], Verdict::Tight, 4096, 16, Device::Gpu, "Close other heavy tabs"),
        // 1.9 of 2.0 is too much; with a cache of half the size it is 1.65.
        (4096, vec![gpu(20)], Verdict::Tight, 4096, 8, Device::Gpu, "kept as q8_0 instead of f16"),
        (
            4096,
            vec![gpu(17)],
            Verdict::Tight,
            2048,
            8,
            Device::Gpu,
            "Fits with 2,048 tokens of context instead of 4,096. That is about 1,500 words.",
        ),
        (4096, vec![gpu(10), cpu(40)], Verdict::Tight, 4096, 16, Device::Cpu, "on the processor"),
        (
            4096,
            vec![gpu(10), cpu(12)],
            Verdict::No,
            4096,
            16,
            Device::Cpu,
            "Needs 1.9 GB; this browser allows about 1.2 GB. It would not start, so it is not \
             offered for download.",
        ),
        (
            4096,
            vec![Place { bytes: None, ..gpu(0) }],
            Verdict::Well,
            4096,
            16,
            Device::Gpu,
            "Needs",
        ),
        (512, vec![gpu(40)], Verdict::Well, 512, 16, Device::Gpu, "0.1 for 512 tokens"),
    ];
    for (context, places, verdict, tokens, kv, device, words) in rows {
        let fit = ask(context, places.clone(), None);
        let got = (fit.verdict, fit.context, fit.kv, fit.device);
        assert_eq!(got, (verdict, tokens, kv, device), "{places:?}: {}", fit.sentence);
        assert_eq!(fit.wished_context, context);
        assert!(fit.sentence.contains(words), "{}", fit.sentence);
        assert_eq!(fit.nearest.is_some(), verdict == Verdict::No, "{:?}", fit.nearest);
    }
}

#[test]
fn storage_is_looked_at_last_and_with_numbers() {
    let fit = ask(4096, vec![gpu(40)], Some(GB));
    assert_eq!(fit.verdict, Verdict::Storage);
    assert_eq!(fit.sentence, "Needs 1.1 GB of storage; this browser has 1.0 GB left for ingle.");
    assert_eq!(fit.nearest.as_deref(), Some("The same model as Q3_K_M, about 0.8 GB, would fit."));
    assert_eq!(ask(4096, vec![gpu(40)], Some(2 * GB)).verdict, Verdict::Well);
    let none = ask(4096, vec![gpu(5)], Some(0));
    assert_eq!(none.verdict, Verdict::No, "what cannot run is not a matter of storage");
}

#[test]
fn a_buffer_that_cannot_be_made_is_a_refusal_too() {
    let place = Place { buffer: Some(1 << 20), ..gpu(400) };
    let fit = ask(4096, vec![place], None);
    assert_eq!(fit.verdict, Verdict::No);
    assert!(fit.sentence.contains("a buffer of"), "{}", fit.sentence);
    // Half of the cache in each of them is small enough.
    let place = Place { buffer: Some(10 << 20), ..gpu(400) };
    assert_eq!((ask(4096, vec![place], None).kv, ask(4096, vec![place], None).context), (8, 4096));
}

#[test]
fn a_wished_cache_type_is_kept() {
    let fixed = Model { is_kv_fixed: true, ..model(4096) };
    let limits = Limits { places: vec![gpu(20)], storage: None, host: Host::Machine };
    let fit = plan(&fixed, &limits).unwrap();
    assert_eq!((fit.kv, fit.verdict), (16, Verdict::Tight));
    assert!(fit.context < 4096 && fit.context >= LEAST_CONTEXT);
    assert!(fit.needs.total() <= 18 * GB / 10);
    let more = (fixed.needs)(Device::Gpu, fit.context + CONTEXT_STEP, 16).total();
    assert!(more > 18 * GB / 10, "it is the longest that fits");
}

#[test]
fn what_would_fit_is_a_smaller_type_or_a_smaller_model() {
    let rows = [
        (12, "The same model as Q2_K, about 0.6 GB, would fit."),
        (8, "A model of at most 0.4 billion weights as Q4_K_M would fit this memory"),
        (4, ""),
    ];
    for (tenths, words) in rows {
        let nearest = ask(4096, vec![gpu(tenths)], None).nearest.unwrap_or_default();
        assert!(nearest.starts_with(words) && nearest.is_empty() == words.is_empty(), "{nearest}");
    }
}

#[test]
fn nothing_overflows() {
    let huge = |_: Device, _: u64, _: u8| Needs {
        weights: u64::MAX,
        context: u64::MAX,
        scratch: u64::MAX,
        largest: u64::MAX,
    };
    let model = Model { needs: &huge, n_params: u64::MAX, ..model(u64::MAX) };
    for bytes in [None, Some(0), Some(u64::MAX)] {
        let place = Place { device: Device::Gpu, bytes, buffer: Some(0) };
        let limits = Limits { places: vec![place], storage: Some(0), host: Host::Browser };
        assert_eq!(plan(&model, &limits).unwrap().verdict, Verdict::No);
    }
}
