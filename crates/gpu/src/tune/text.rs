//! What tuning found, as text that a host stores.
//!
//! Its outside is [`kept`]'s: bound to adapter, driver and version, guarded by a sum. A form that
//! is not listed any more is passed over.

use std::collections::BTreeMap;
use std::fmt::Write;

use kernels::shader::choice::{Shape, vec_forms};
use kernels::shader::{Choices, Dot, Tile, VecForm};
use quant::TensorType;

use super::is_int;
use crate::adapter::Gpu;
use crate::kept;

/// First words of the text. The number grows when kernels or the format change.
const HEAD: &str = "ingle tuning 1";
/// The version of wgpu, which writes what the driver compiles; wgpu itself does not tell it.
const WGPU: &str = "30.0.1";
/// Notes that are kept about forms that were refused.
const MAX_NOTES: usize = 64;
/// Characters of a note.
const MAX_NOTE_CHARS: usize = 200;

/// The form that won, with its time and the default's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Winner<F> {
    pub form: F,
    pub seconds: f64,
    pub base_seconds: f64,
}

/// What is known about one device.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    vec: BTreeMap<(String, usize), (Shape, Winner<VecForm>)>,
    tile: BTreeMap<(String, usize), (Shape, Winner<Tile>)>,
    notes: Vec<String>,
}

fn key(shape: Shape) -> (String, usize) {
    (shape.0.to_string(), shape.1)
}

impl Tuning {
    /// True if the shape was tried.
    pub fn has(&self, shape: Shape) -> bool {
        self.vec.contains_key(&key(shape)) && self.tile.contains_key(&key(shape))
    }

    pub fn set_vec(&mut self, shape: Shape, winner: Winner<VecForm>) {
        self.vec.insert(key(shape), (shape, winner));
    }

    pub fn set_tile(&mut self, shape: Shape, winner: Winner<Tile>) {
        self.tile.insert(key(shape), (shape, winner));
    }

    /// Notes that a form is not used, and why.
    pub fn refuse(&mut self, shape: Shape, form: &str, reason: &str) {
        if self.notes.len() < MAX_NOTES {
            let note = format!("{} x {} {form}: {reason}", shape.0, 32 * shape.1);
            let words: Vec<_> = note.split_whitespace().collect();
            self.notes.push(words.join(" ").chars().take(MAX_NOTE_CHARS).collect());
        }
    }

    /// `choices` with what was found.
    pub fn choices(&self, mut choices: Choices) -> Choices {
        for (shape, winner) in self.vec.values() {
            choices.set_vec(*shape, winner.form);
        }
        for (shape, winner) in self.tile.values() {
            choices.set_tile(*shape, winner.form);
        }
        choices
    }

    pub fn has_int_tiles(&self) -> bool {
        self.tile.values().any(|(_, winner)| is_int(winner.form.dot()))
    }

    /// One sentence for each shape, for people.
    fn sentences(&self) -> Vec<String> {
        let gain = |seconds: f64, base: f64| base / seconds.max(1e-12);
        let vec = self.vec.values().map(|((ty, n_units), w)| {
            let VecForm { dot, wg, rows } = w.form;
            let gain = gain(w.seconds, w.base_seconds);
            let dot = if is_int(dot) { "integer" } else { "float" };
            let cols = 32 * n_units;
            format!("{ty} x {cols}: {dot} product, {rows} rows of {wg} threads ({gain:.2}x)")
        });
        let tile = self.tile.values().map(|((ty, n_units), w)| {
            let gain = gain(w.seconds, w.base_seconds);
            format!("{ty} x {}: {:?} for prompts ({gain:.2}x)", 32 * n_units, w.form)
        });
        let notes = self.notes.iter().map(|note| format!("not used: {note}"));
        vec.chain(tile).chain(notes).collect()
    }

    fn to_text(&self, device: &str) -> String {
        let mut text = kept::begin(HEAD, device);
        for ((ty, n_units), (_, w)) in &self.vec {
            let VecForm { dot, wg, rows } = w.form;
            let dot = if is_int(dot) { "int" } else { "float" };
            let (s, b) = (w.seconds, w.base_seconds);
            let _ = writeln!(text, "vec {ty} {n_units} {s:e} {b:e} {dot} {wg} {rows}");
        }
        for ((ty, n_units), (_, w)) in &self.tile {
            let (kind, a, b) = match w.form {
                Tile::Float { tm, tn } => ("float", tm, tn),
                Tile::Int { tm, tn } => ("int", tm, tn),
                Tile::Coop { size, subgroup } => ("coop", size, subgroup),
            };
            let (s, base) = (w.seconds, w.base_seconds);
            let _ = writeln!(text, "tile {ty} {n_units} {s:e} {base:e} {kind} {a} {b}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "note {note}");
        }
        kept::end(text)
    }

    fn parse(text: &str, device: &str, tiles: impl Fn(TensorType) -> Vec<Tile>) -> Parsed {
        let mut tuning = Tuning::default();
        for line in kept::lines(text, HEAD, device)? {
            if let Some(note) = line.strip_prefix("note ") {
                tuning.notes.push(note.to_string());
            } else if tuning.line(line, &tiles).is_none() {
                return Err(kept::damaged());
            }
        }
        Ok(tuning)
    }

    /// Takes a line over, if it says something that is still listed; `None` if it makes no sense.
    fn line(&mut self, line: &str, tiles: impl Fn(TensorType) -> Vec<Tile>) -> Option<()> {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, ty, n_units, seconds, base, kind, a, b] = words[..] else {
            return None;
        };
        let ty = TensorType::ALL.iter().copied().find(|t| t.to_string() == ty)?;
        let shape = (ty, n_units.parse().ok()?);
        let (seconds, base_seconds): (f64, f64) = (seconds.parse().ok()?, base.parse().ok()?);
        let (a, b): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
        match (what, kind) {
            ("vec", "float" | "int") => {
                let dot = if kind == "int" { Dot::Int } else { Dot::Float };
                let form = VecForm { dot, wg: a, rows: b };
                if vec_forms(ty).contains(&form) {
                    self.set_vec(shape, Winner { form, seconds, base_seconds });
                }
            }
            ("tile", "float" | "int" | "coop") => {
                let form = match kind {
                    "float" => Tile::Float { tm: a, tn: b },
                    "int" => Tile::Int { tm: a, tn: b },
                    _ => Tile::Coop { size: a, subgroup: b },
                };
                if tiles(ty).contains(&form) {
                    self.set_tile(shape, Winner { form, seconds, base_seconds });
                }
            }
            _ => return None,
        }
        Some(())
    }
}

type Parsed = Result<Tuning, String>;

impl Gpu {
    /// What is stored for this device is bound to it: adapter, driver, wgpu and this version.
    pub(crate) fn identity(&self) -> String {
        let s = self.summary();
        let (vendor, device) = s.ids;
        let ours = concat!("ingle ", env!("CARGO_PKG_VERSION"));
        let text = format!(
            "{} ({vendor:04x}:{device:04x}) {} {} {} wgpu {WGPU} {ours}",
            s.name, s.backend, s.driver, self.host
        );
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What a tuning is bound to: the device, and the forms that were asked for.
    pub fn tuning_key(&self) -> String {
        let forms = self.summary().forms;
        let forms = (forms.subgroups, forms.f16, self.safe_shaders);
        format!("{} {forms:?}", self.identity())
    }

    /// Where a host keeps it: a file name of its own for each such device.
    pub fn tuning_file(&self) -> String {
        format!("gpu-{:016x}.tuning", kept::sum(self.tuning_key().as_bytes()))
    }

    /// What is known about this device, to be stored and given back with [`Gpu::use_tuning`].
    pub fn tuning(&self) -> String {
        self.with_tuning(|tuning| tuning.to_text(&self.tuning_key()))
    }

    /// The same as sentences.
    pub fn tuned_forms(&self) -> Vec<String> {
        self.with_tuning(|tuning| tuning.sentences())
    }

    /// Takes over what an earlier run found.
    ///
    /// # Errors
    /// Why the text is of no use: it is damaged, or of another adapter, driver or version.
    pub fn use_tuning(&self, text: &str) -> Result<(), String> {
        let tuning = Tuning::parse(text, &self.tuning_key(), |ty| self.tiles(ty))?;
        self.with_tuning(|now| *now = tuning);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]
    use kernels::shader::choice::tiles;

    use super::*;

    #[test]
    fn wgpu_has_the_version_that_files_are_bound_to() {
        let lock = include_str!("../../../../Cargo.lock");
        let line = format!("name = \"wgpu\"\nversion = \"{WGPU}\"\n");
        assert!(lock.replace("\r\n", "\n").contains(&line), "WGPU must be as in Cargo.lock");
    }

    fn example() -> Tuning {
        let mut tuning = Tuning::default();
        let shape = (TensorType::Q4_K, 64);
        let form = VecForm { dot: Dot::Int, wg: 64, rows: 2 };
        tuning.set_vec(shape, Winner { form, seconds: 1e-5, base_seconds: 2e-5 });
        let form = Tile::Int { tm: 4, tn: 8 };
        tuning.set_tile(shape, Winner { form, seconds: 1.5e-4, base_seconds: 3e-4 });
        tuning.refuse(shape, "Float", "error 1e-1,\n  allowed 4e-11");
        tuning
    }

    #[test]
    fn text_comes_back() {
        let tuning = example();
        let text = tuning.to_text("a GPU, driver 1");
        let again = Tuning::parse(&text, "a GPU, driver 1", tiles).unwrap();
        assert_eq!(again.to_text("a GPU, driver 1"), text);
        let choices = |tuning: &Tuning| tuning.choices(Choices::default());
        assert_eq!(choices(&again), choices(&tuning));
        assert!(again.has((TensorType::Q4_K, 64)) && again.has_int_tiles());
        assert_eq!(again.sentences().len(), 3);
    }

    #[test]
    fn other_drivers_and_damage_are_refused() {
        let text = example().to_text("a GPU, driver 1");
        kept::refuses_all_but(&text, |text, device| Tuning::parse(text, device, tiles).err());
    }

    #[test]
    fn forms_that_are_not_listed_are_passed_over() {
        let listed = |line: &str| {
            let mut tuning = Tuning::default();
            tuning.line(line, tiles).map(|()| (tuning.vec.len(), tuning.tile.len()))
        };
        assert_eq!(listed("vec Q4_K 64 1e-5 2e-5 int 64 4"), Some((1, 0)));
        assert_eq!(listed("vec Q4_K 64 1e-5 2e-5 int 63 4"), Some((0, 0)));
        assert_eq!(listed("vec F16 64 1e-5 2e-5 int 64 4"), Some((0, 0)));
        assert_eq!(listed("tile Q4_K 64 1e-5 2e-5 coop 16 32"), Some((0, 0)));
        assert_eq!(listed("tile Q4_K 64 1e-5 2e-5 float 8"), None);
        assert_eq!(listed("vec Q9 64 1e-5 2e-5 int 64 4"), None);
    }
}
