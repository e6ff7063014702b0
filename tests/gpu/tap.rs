//! What a tap is shown: the same rows of the same ops as by the reference player, whatever the
//! job's rows and wishes are.

use std::sync::{Arc, Mutex, PoisonError};

use gguf::Gguf;
use kernels::{Input, Job, Loader, Place, Player, RowAt, Sampling, Tap, Want};
use quant::TensorType;
use tests::models::Spec;
use tests::play::load;

use crate::{CONFIG, any, model_of, nmse, open, run};

/// Rows of one op: its number, whether they are the residual stream, columns, and all of them.
type Seen = (usize, bool, usize, Vec<f32>);

/// Keeps what it is shown.
#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<Seen>>>);

impl Keeper {
    fn add(&self, seen: Seen) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tap for Keeper {
    fn inputs(&mut self, op: usize, rows: &[f32], n_cols: usize) {
        self.add((op, false, n_cols, rows.to_vec()));
    }

    fn stream(&mut self, op: usize, rows: &[f32]) {
        self.add((op, true, 0, rows.to_vec()));
    }
}

/// A player with a tap.
fn tapped(gguf: &Gguf, plan: &kernels::Plan, loader: Box<dyn Loader>) -> (Box<dyn Player>, Keeper) {
    let (mut player, keeper) = (load(gguf, plan, loader), Keeper::default());
    assert!(player.set_tap(Some(Box::new(keeper.clone()))).unwrap());
    (player, keeper)
}

const IDS: [u32; 21] = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 3, 4, 5, 6, 7];

#[test]
fn a_tap_sees_what_the_reference_shows() {
    let Some(gpu) = open(&any()) else { return };
    let specs = ["llama", "qwen2", "qwen3", "gemma3"].map(Spec::tiny);
    let quantized = Spec::quantized("llama", TensorType::Q4_K);
    for spec in specs.into_iter().chain([quantized]) {
        let (gguf, model) = model_of(&spec);
        let plan = &model.plan;
        let loader = gpu.loader(plan, CONFIG).unwrap();
        let (mut device, on_device) = tapped(&gguf, plan, loader);
        let loader = kernels::reference::loader(plan, CONFIG).unwrap();
        let (mut reference, on_reference) = tapped(&gguf, plan, loader);
        let place = |pos| Place::Run(RowAt { slot: 0, pos });
        let jobs = [
            (&IDS[..9], 0, Want::Nothing),
            (&IDS[9..20], 9, Want::AllLogits),
            (&IDS[..20], 0, Want::LastLogits),
            (&IDS[20..], 20, Want::LastLogits),
        ];
        for (ids, pos, want) in jobs {
            let job = Job { input: Input::Tokens(ids), place: place(pos), want };
            run(device.as_mut(), &job).unwrap();
            run(reference.as_mut(), &job).unwrap();
            let (got, want) = (on_device.take(), on_reference.take());
            let shape = |seen: &[Seen]| -> Vec<_> {
                seen.iter().map(|(op, stream, n, rows)| (*op, *stream, *n, rows.len())).collect()
            };
            let name = spec.architecture;
            assert_eq!(shape(&got), shape(&want), "{name} {} rows from {pos}", ids.len());
            for (got, want) in got.iter().zip(&want) {
                let error = nmse(&got.3, &want.3);
                assert!(error < 1e-4, "{name} op {} {}: {error}", got.0, got.1);
            }
            let error = nmse(device.logits(), reference.logits());
            let is_read = !matches!(job.want, Want::Nothing);
            assert!(!is_read || error < 1e-4, "{name} logits: {error}");
        }
    }
}

#[test]
fn without_a_tap_everything_is_as_before() {
    let Some(gpu) = open(&any()) else { return };
    let (gguf, model) = model_of(&Spec::tiny("llama"));
    let mut player = load(&gguf, &model.plan, gpu.loader(&model.plan, CONFIG).unwrap());
    let sampling = Sampling::default();
    let want = Want::Tokens { sampling: &sampling, recent: &[], n_tokens: 8 };
    let job = Job { input: Input::Tokens(&IDS), place: 0.into(), want };
    run(player.as_mut(), &job).unwrap();
    let (tokens, rows) = (player.tokens().to_vec(), player.max_rows());
    let keeper = Keeper::default();
    assert!(player.set_tap(Some(Box::new(keeper.clone()))).unwrap());
    assert!(!player.can_sample(&sampling), "tokens are chosen where each row is seen");
    let last = Job { want: Want::LastLogits, ..job };
    run(player.as_mut(), &last).unwrap();
    assert!(!keeper.take().is_empty());
    // A job that nobody waits for is shown to nobody.
    player.submit(&last).unwrap();
    assert!(player.set_tap(None).unwrap());
    run(player.as_mut(), &job).unwrap();
    assert_eq!((player.tokens(), player.max_rows()), (tokens.as_slice(), rows));
    assert!(keeper.take().is_empty());
}
