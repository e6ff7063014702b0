//! Rows made of integers and exact operations alone, hence equal on every machine: what an encoder
//! meets in models, and what it does not.

/// Values in a row.
pub const LEN: usize = 1024;

/// Sebastiano Vigna's SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1 in steps of `2^-24`.
    fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 16_777_216.0
    }

    /// Bell-shaped, from −2 to 2.
    fn bell(&mut self) -> f32 {
        self.unit() + self.unit() + self.unit() + self.unit() - 2.0
    }
}

type Maker = fn(&mut Random, usize) -> f32;

/// Kinds of rows.
pub const ROWS: [(&str, Maker); 15] = [
    ("like weights", |r, _| r.bell() * 0.05),
    ("positive", |r, _| r.bell().abs() + 0.3),
    ("negative", |r, _| -r.bell().abs() - 0.3),
    ("around five", |r, _| r.bell() + 5.0),
    ("mostly zero", |r, _| if r.unit() < 0.05 { r.bell() } else { 0.0 }),
    ("zero", |_, _| 0.0),
    ("one large value", |r, i| r.bell() * if i == LEN / 3 { 1000.0 } else { 1.0 }),
    ("small", |r, _| r.bell() * 1e-8),
    ("below the searches' epsilon", |r, _| r.bell() * 1e-16),
    ("denormal", |r, _| f32::from_bits(r.bits() as u32 & 0x807f_ffff)),
    ("almost constant", |r, _| r.bell() * 1e-7 - 1.0),
    ("ties", |r, _| (r.bell() * 24.0).round() * 0.125),
    ("wide", |r, _| r.bell() * f32::from_bits((67 + (r.bits() % 60) as u32) << 23)),
    ("below powers of two", |r, _| {
        let sign = if r.unit() < 0.5 { -1.0 } else { 1.0 };
        sign * f32::from_bits(((110 + (r.bits() % 20) as u32) << 23) - 1)
    }),
    ("far below powers of two", |r, _| f32::from_bits(((20 + (r.bits() % 60) as u32) << 23) - 1)),
];

/// Seeds of rows like weights for which the searches that go around five times are not done after
/// four: by turns without importance, for scales with importances of the first and second kind.
const LATE: [u64; 3] = [1404, 6400, 8975];

/// Kinds of importances.
pub const IMPORTANCES: [(&str, Maker); 4] = [
    ("even", |r, _| r.unit() * 1e4),
    ("steep", |r, _| (r.unit() * r.unit()) * (r.unit() * r.unit())),
    ("zero", |_, _| 0.0),
    ("mostly zero", |r, i| if i % 64 < 24 || r.unit() < 0.7 { 0.0 } else { r.unit() }),
];

/// A row, or its importances.
pub fn row(make: Maker, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    (0..LEN).map(|i| make(&mut random, i)).collect()
}

/// All rows, with and without importances of each kind.
pub fn all() -> impl Iterator<Item = (String, Vec<f32>, Option<Vec<f32>>)> {
    let late = LATE.map(|seed| (seed, ("still moving in the last round", ROWS[0].1)));
    (0..).zip(ROWS).chain(late).flat_map(|(i, (name, make))| {
        let x = row(make, i);
        let plain = (name.to_owned(), x.clone(), None);
        let weighted = (100..).zip(IMPORTANCES).map(move |(j, (kind, make))| {
            let importance = row(make, i << 32 | j);
            (format!("{name}, importance {kind}"), x.clone(), Some(importance))
        });
        std::iter::once(plain).chain(weighted)
    })
}

/// FNV-1a.
pub fn hash(bytes: &[u8], hash: u64) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Where [`hash`] starts.
pub const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
