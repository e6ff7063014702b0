//! Rows of the cache that leave the device and come back, to it and to others.

use kernels::{KvShape, KvType, PlayerConfig};
use tests::models::Spec;

use crate::{CONFIG, any, kept_rows, load, model_of, open};

#[test]
fn kept_rows_go_on_to_the_bit() {
    let Some(gpu) = open(&any()) else { return };
    for (architecture, kv) in [
        ("llama", KvType::F16),
        ("gemma3", KvType::Q8_0),
        ("qwen3", KvType::F32),
        ("phi3", KvType::F16),
    ] {
        let config = PlayerConfig { kv, n_slots: kept_rows::N_SLOTS, ..CONFIG };
        let mut spec = Spec::tiny(architecture);
        spec.shape.head_dim = 32;
        let (gguf, model) = model_of(&spec);
        let plan = &model.plan;
        let shape = KvShape::of(plan, kv).unwrap();
        let n_vocab = u32::try_from(spec.vocabulary.len()).unwrap();
        let mut make = || load(&gguf, plan, gpu.loader(plan, config).unwrap());
        kept_rows::goes_on(&format!("{architecture}, {kv:?}"), &mut make, &shape, n_vocab);
        kept_rows::refuses(make().as_mut(), &shape, CONFIG.n_ctx);
        // The device's bytes mean what they mean to the reference.
        let (mut device, reference) = (make(), kernels::reference::loader(plan, config).unwrap());
        let mut reference = load(&gguf, plan, reference);
        kept_rows::begin(device.as_mut(), 1, n_vocab);
        let theirs = kept_rows::pass_on(device.as_mut(), reference.as_mut(), &shape);
        kept_rows::begin(reference.as_mut(), 1, n_vocab);
        let own = kept_rows::pass_on(reference.as_mut(), device.as_mut(), &shape);
        let same = own.iter().zip(&theirs).filter(|(a, b)| a == b).count();
        let least = if kv == KvType::F32 { own.len() / 2 } else { own.len() * 95 / 100 };
        assert!(same >= least, "{architecture}, {kv:?}: {same} of {} are the same", own.len());
    }
}
