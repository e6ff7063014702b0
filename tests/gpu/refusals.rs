//! What a GPU player refuses, in sentences with numbers, before anything goes wrong.

use gpu::{Gpu, Options};
use kernels::{Input, Job, PlayerConfig, PlayerError, Want};
use tests::encoders;
use tests::models::Spec;

use crate::{CONFIG, any, load, model_of, open, run};

#[test]
fn too_little_memory_is_refused_with_numbers() {
    let Some(_) = open(&any()) else { return };
    let (_, model) = model_of(&Spec::tiny("llama"));
    let options = Options { max_total_bytes: Some(100_000), ..any() };
    let gpu = pollster::block_on(Gpu::open(&options)).unwrap();
    let error = gpu.loader(&model.plan, CONFIG).err().unwrap();
    let PlayerError::Memory { need, have, .. } = &error else { panic!("{error}") };
    assert!(need > have && *have == 100_000, "{error}");

    let gpu = pollster::block_on(Gpu::open(&any())).unwrap();
    let config = PlayerConfig { n_ctx: 1 << 24, ..CONFIG };
    let error = gpu.loader(&model.plan, config).err().unwrap();
    assert!(
        matches!(&error, PlayerError::Memory { what, .. } if what.contains("cache")),
        "{error}"
    );
}

#[test]
fn an_encoder_is_refused_by_what_it_needs() {
    let Some(gpu) = open(&any()) else { return };
    for architecture in encoders::ARCHITECTURES {
        let (_, model) = model_of(&encoders::tiny(architecture));
        assert!(!pollster::block_on(gpu.tune(&model.plan, 1e4)).unwrap());
        let error = gpu.loader(&model.plan, CONFIG).err().unwrap();
        assert!(matches!(error, PlayerError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains("both directions"), "{error}");
    }
}

#[test]
fn an_unknown_adapter_is_refused() {
    let options = Options { name: Some("no such adapter".into()), ..any() };
    let error = pollster::block_on(Gpu::open(&options)).err().unwrap();
    assert!(error.to_string().contains("adapter"), "{error}");
}

#[test]
fn jobs_out_of_bounds_are_refused_and_the_player_lives_on() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let many = vec![1; player.max_rows() + 1];
    let want = Want::LastLogits;
    let no_room = Job { input: Input::Tokens(&[1, 2]), place: 255.into(), want };
    assert!(matches!(run(player.as_mut(), &no_room), Err(PlayerError::Context { pos: 256, .. })));
    let no_token = Job { input: Input::Tokens(&[1, 1_000_000]), place: 0.into(), want };
    assert!(matches!(run(player.as_mut(), &no_token), Err(PlayerError::Token { .. })));
    let too_many = Job { input: Input::Tokens(&many), place: 0.into(), want };
    assert!(matches!(run(player.as_mut(), &too_many), Err(PlayerError::Rows { .. })));
    let wrong_kind = Job { input: Input::Hidden(&[0.0; 64]), place: 0.into(), want };
    assert!(run(player.as_mut(), &wrong_kind).is_err());
    let good = Job { input: Input::Tokens(&[1, 2]), place: 0.into(), want };
    run(player.as_mut(), &good).unwrap();
}

#[test]
fn a_lost_device_is_said() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    gpu.destroy();
    let job = Job { input: Input::Tokens(&[1]), place: 0.into(), want: Want::LastLogits };
    assert!(run(player.as_mut(), &job).is_err());
}
