//! Rows of the cache that were read from one player and given to another: whoever has them goes on
//! as the first would have, to the bit.

use std::future::poll_fn;

use kernels::{Input, Job, KvShape, KvSpan, Place, Player, RowAt, Want};

/// Tokens that are read, some as a prompt and some one by one, before the rows are.
const N_BEFORE: usize = 41;
const N_PROMPT: usize = 37;
/// Tokens written behind them.
const N_AFTER: usize = 8;
/// Positions that are passed on at a time; no divisor of the others.
const PIECE: usize = 12;
/// Slots of the one and of the other.
const FROM: usize = 1;
const TO: usize = 0;
/// Slots the players are loaded for.
pub const N_SLOTS: usize = 2;

fn wait(player: &mut dyn Player) {
    pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
}

fn read(player: &mut dyn Player, at: RowAt, ids: &[u32]) -> Vec<f32> {
    let job = Job { input: Input::Tokens(ids), place: Place::Run(at), want: Want::LastLogits };
    player.submit(&job).unwrap();
    wait(player);
    player.logits().to_vec()
}

fn best(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    u32::try_from(best.0).unwrap()
}

/// A prompt, then single tokens, in a slot.
pub fn begin(player: &mut dyn Player, slot: usize, n_vocab: u32) {
    let ids: Vec<u32> = (0..N_BEFORE as u32).map(|i| (i * 37 + 11) % n_vocab).collect();
    let (prompt, singles) = ids.split_at(N_PROMPT);
    let mut pos = 0;
    for chunk in prompt.chunks(player.max_rows()).chain(singles.chunks(1)) {
        read(player, RowAt { slot, pos }, chunk);
        pos += chunk.len();
    }
}

/// What the greedy answer behind that is: its ids, and all logits.
fn go_on(player: &mut dyn Player, slot: usize) -> (Vec<u32>, Vec<f32>) {
    let (mut ids, mut all) = (vec![5], Vec::new());
    for pos in N_BEFORE..N_BEFORE + N_AFTER {
        let logits = read(player, RowAt { slot, pos }, &ids[ids.len() - 1..]);
        ids.push(best(&logits));
        all.extend(logits);
    }
    (ids, all)
}

/// Passes on all rows in pieces; the bytes.
pub fn pass_on(from: &mut dyn Player, to: &mut dyn Player, shape: &KvShape) -> Vec<u8> {
    let mut bytes = Vec::new();
    for start in (0..N_BEFORE).step_by(PIECE) {
        let positions = start..N_BEFORE.min(start + PIECE);
        let n = positions.len();
        let span = KvSpan { slot: FROM, positions };
        assert!(from.submit_kv_read(&span).unwrap());
        wait(from);
        assert_eq!(from.kv_rows().len(), n * shape.position_bytes());
        let span = KvSpan { slot: TO, ..span };
        assert!(to.submit_kv_write(&span, from.kv_rows()).unwrap());
        wait(to);
        bytes.extend(from.kv_rows());
    }
    bytes
}

/// Both go on alike. The other player's cache is not empty: another sequence was in it.
pub fn goes_on(name: &str, make: &mut dyn FnMut() -> Box<dyn Player>, shape: &KvShape, n: u32) {
    let (mut from, mut to) = (make(), make());
    begin(from.as_mut(), FROM, n);
    begin(to.as_mut(), TO, n - 1);
    let before = go_on(to.as_mut(), TO);
    let bytes = pass_on(from.as_mut(), to.as_mut(), shape);
    assert!(bytes.iter().any(|b| *b != 0), "{name}: rows of nothing");
    let got = go_on(to.as_mut(), TO);
    let want = go_on(from.as_mut(), FROM);
    assert_ne!(before, got, "{name}: what was there before stays");
    assert_eq!(got.0, want.0, "{name}: other tokens");
    let same = got.1.iter().zip(&want.1).all(|(a, b)| a.to_bits() == b.to_bits());
    assert!(same, "{name}: other logits");
}

/// What no cache has is refused, and nothing is read or written for it.
pub fn refuses(player: &mut dyn Player, shape: &KvShape, n_ctx: usize) {
    let n_bytes = shape.position_bytes();
    let span = |slot, positions| KvSpan { slot, positions };
    for (span, what) in [
        (span(N_SLOTS, 0..1), "none of the 2"),
        (span(0, 3..3), "0 rows"),
        (span(0, n_ctx..n_ctx + 1), "beyond the context"),
        (span(0, 0..usize::MAX), "beyond the context"),
    ] {
        let error = player.submit_kv_read(&span).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        let error = player.submit_kv_write(&span, &vec![0; n_bytes]).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let error = player.submit_kv_write(&span(0, 0..2), &vec![0; n_bytes]).unwrap_err().to_string();
    assert!(error.contains(&format!("{} bytes", 2 * n_bytes)), "{error}");
}
