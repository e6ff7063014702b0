//! Several sequences in one player: a play of prompts and steps in which slots take turns, stand at
//! different positions and are rewound. Whoever plays it must get the reference's numbers.

use std::future::poll_fn;

use kernels::{Input, Job, Place, Player, RowAt, Want};

/// Slots the play needs.
pub const N_SLOTS: usize = 3;

/// A job of the play: rows of one slot from a position on, or one row of each of several.
pub enum Act {
    Chunk(RowAt, usize),
    Each(&'static [RowAt]),
}

const fn at(slot: usize, pos: usize) -> RowAt {
    RowAt { slot, pos }
}

/// The play: longer than a sliding window, with a rewind of slot 0 in the middle.
pub const PLAY: &[Act] = &[
    Act::Chunk(at(0, 0), 20),
    Act::Chunk(at(2, 0), 37),
    Act::Chunk(at(1, 0), 5),
    Act::Each(&[at(2, 37), at(0, 20), at(1, 5)]),
    Act::Each(&[at(0, 21), at(2, 38)]),
    Act::Chunk(at(1, 6), 9),
    Act::Chunk(at(0, 10), 3),
    Act::Each(&[at(0, 13), at(1, 15), at(2, 39)]),
    Act::Each(&[at(2, 40)]),
    Act::Each(&[at(1, 16), at(2, 41)]),
];

/// The id at a place; a rewound place gets its id again.
fn id(at: RowAt, n_vocab: usize) -> u32 {
    ((at.pos * 37 + at.slot * 101 + 11) % n_vocab) as u32
}

/// Submits and waits.
pub fn wait(player: &mut dyn Player, job: &Job<'_>) {
    player.submit(job).unwrap();
    pollster::block_on(poll_fn(|cx| player.poll(cx))).unwrap();
}

/// Plays an act; logits of the chunk's last row, or of each row.
pub fn act(player: &mut dyn Player, act: &Act, n_vocab: usize) -> Vec<f32> {
    match act {
        Act::Chunk(first, n) => {
            let place = Place::Run(*first);
            let ids: Vec<u32> = (0..*n).map(|i| id(place.row(i), n_vocab)).collect();
            let (input, want) = (Input::Tokens(&ids), Want::LastLogits);
            wait(player, &Job { input, place, want });
        }
        Act::Each(rows) => {
            let ids: Vec<u32> = rows.iter().map(|at| id(*at, n_vocab)).collect();
            let (input, want) = (Input::Tokens(&ids), Want::AllLogits);
            wait(player, &Job { input, place: Place::Each(rows), want });
        }
    }
    player.logits().to_vec()
}

/// The whole play.
pub fn play(player: &mut dyn Player, n_vocab: usize) -> Vec<Vec<f32>> {
    PLAY.iter().map(|one| act(player, one, n_vocab)).collect()
}

/// What a player with one slot says after the ids up to a place.
pub fn alone(player: &mut dyn Player, last: RowAt, n_vocab: usize) -> Vec<f32> {
    let ids: Vec<u32> = (0..=last.pos).map(|pos| id(RowAt { pos, ..last }, n_vocab)).collect();
    wait(player, &Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::LastLogits });
    player.logits().to_vec()
}

/// The places whose logits an act gives.
pub fn ends(act: &Act) -> Vec<RowAt> {
    match act {
        Act::Chunk(first, n) => vec![Place::Run(*first).row(n - 1)],
        Act::Each(rows) => rows.to_vec(),
    }
}
