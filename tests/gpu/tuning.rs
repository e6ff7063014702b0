//! First-run tuning on whatever adapter there is: what wins is right, what is stored comes back,
//! what is foreign or damaged is refused.

use gpu::{Gpu, Options};
use quant::TensorType;
use tests::models::Spec;

use crate::{CONFIG, any, load, logits_after, model_of, nmse, open};

/// 8-bit activations against floats, through two layers.
const INT_FORMS: f64 = 3e-3;

#[test]
fn tuned_forms_are_right_and_come_back() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::quantized("llama", TensorType::Q4_K));
    let tokens: Vec<u32> = (0..40).map(|i| 3 + i * 7).collect();
    let run = |gpu: &Gpu| {
        let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
        let mut logits = logits_after(player.as_mut(), &tokens, 40);
        logits.extend(logits_after(player.as_mut(), &tokens[..3], 1));
        logits
    };
    let before = run(&gpu);
    assert!(pollster::block_on(gpu.tune(&model.plan, 60_000.0)).unwrap(), "nothing was tried");
    let sentences = gpu.tuned_forms();
    println!("{}", sentences.join("\n"));
    assert!(sentences.len() >= 2, "{sentences:?}");
    assert!(!sentences.iter().any(|s| s.starts_with("not used")), "{sentences:?}");
    let after = run(&gpu);
    let error = nmse(&after, &before);
    println!("NMSE of the tuned forms against the default: {error:.1e}");
    assert!(error <= INT_FORMS, "{error}");
    assert!(!pollster::block_on(gpu.tune(&model.plan, 60_000.0)).unwrap(), "all was known");

    // Another process takes it over and computes the same, to the bit.
    let other = pollster::block_on(Gpu::open(&any())).unwrap();
    other.use_tuning(&gpu.tuning()).unwrap();
    assert_eq!(other.tuned_forms(), sentences);
    assert_eq!(run(&other), after);

    // Another driver's file: a sentence, and the forms stay as they were.
    let plain = pollster::block_on(Gpu::open(&Options { safe_shaders: true, ..any() })).unwrap();
    let error = plain.use_tuning(&gpu.tuning()).unwrap_err();
    assert!(error.contains("made for"), "{error}");
    assert!(plain.use_tuning("garbage").is_err());
    assert!(plain.tuned_forms().is_empty());

    // With all checks in the shaders the results are the same.
    assert_eq!(run(&plain), before, "an index out of bounds, or memory read before it is written");
}

#[test]
fn a_device_that_goes_away_while_it_is_tuned_or_measured_is_said() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    player.submit_peaks().unwrap();
    gpu.destroy();
    let measured = pollster::block_on(std::future::poll_fn(|cx| player.poll(cx)));
    println!("{measured:?}");
    assert!(measured.unwrap_err().to_string().contains("went away") && player.peaks().is_none());
    let tuned = pollster::block_on(gpu.tune(&model.plan, 1000.0));
    println!("{tuned:?}");
    assert!(tuned.unwrap_err().to_string().contains("went away"));
}
