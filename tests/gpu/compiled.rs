//! What the driver compiled comes back at the next start, and nothing else reaches it.
//!
//! That a start is faster is printed and not demanded: drivers keep what they compile for
//! themselves too, and the first start of this test may already find it there.

use std::time::Instant;

use gpu::Gpu;
use quant::TensorType;
use tests::models::Spec;

use crate::{CONFIG, any, load, logits_after, model_of, open};

#[test]
fn compiled_kernels_come_back_and_damaged_ones_are_refused() {
    let Some(first) = open(&any()) else { return };
    let Some(name) = first.pipelines_name() else {
        println!("SKIPPED pipelines: {} gives no compiled kernels", first.name());
        assert!(first.keep_pipelines(Some(b"garbage")).is_ok(), "nothing to refuse");
        assert!(first.pipeline_cache().is_none());
        return;
    };
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name} names a file");
    let (gguf, model) = model_of(&Spec::quantized("llama", TensorType::Q4_K));
    let tokens: Vec<u32> = (0..40).map(|i| 3 + i * 7).collect();
    let run = |gpu: &Gpu, what: &str| {
        let start = Instant::now();
        let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
        println!("{what}: loaded in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        logits_after(player.as_mut(), &tokens, 40)
    };
    let again = || pollster::block_on(Gpu::open(&any())).unwrap();
    assert!(first.pipeline_cache().is_none(), "nothing is kept unless a host asks");
    first.keep_pipelines(None).unwrap();
    let empty = first.pipeline_cache().unwrap();
    let want = run(&first, "first start");
    let stored = first.pipeline_cache().unwrap();
    println!("{name}: {} bytes, {} when empty", stored.len(), empty.len());

    // The driver takes what it gave, and the results are the same to the bit.
    let second = again();
    second.keep_pipelines(Some(&stored)).unwrap();
    let taken = second.pipeline_cache().unwrap();
    assert_eq!(run(&second, "second start"), want);
    let after = second.pipeline_cache().unwrap();
    println!("taken: {} bytes, after loading: {} bytes", taken.len(), after.len());
    if stored.len() > empty.len() {
        assert!(taken.len() > empty.len(), "the driver did not take its own data");
    } else {
        // llvmpipe has the feature and writes no more than a header.
        println!("SKIPPED pipelines, taken: {} stores no kernels", first.name());
        assert_eq!((&taken, &after), (&stored, &stored));
    }

    // One bit of the data: a sentence, and the device begins with nothing and computes the same.
    let mut damaged = stored;
    *damaged.last_mut().unwrap() ^= 1;
    let third = again();
    let error = third.keep_pipelines(Some(&damaged)).unwrap_err();
    assert!(error.contains("damaged"), "{error}");
    assert_eq!(third.pipeline_cache().unwrap().len(), empty.len());
    assert_eq!(run(&third, "with a damaged file"), want);
    third.destroy();
    assert!(third.pipeline_cache().is_none(), "the device is gone");
}
