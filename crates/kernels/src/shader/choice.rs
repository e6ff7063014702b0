//! Which of several forms of the same product a device runs.
//!
//! All forms compute the same up to their stated tolerances (integer forms round the inputs to 8
//! bits, as CPU players do), so which one runs is a question of speed, and only the device can
//! answer it. The forms are a closed list, so that tests can try each before anybody chooses it; a
//! tuner times them on the model's own shapes and writes the answers into [`Choices`]. Without a
//! tuner the defaults hold: float forms, whose results are nearest to the reference.

use std::collections::HashMap;

use quant::TensorType;

use crate::shader::key::{Dot, Tile};

/// A way to multiply one row of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VecForm {
    /// How products are summed.
    pub dot: Dot,
    /// Threads of a workgroup.
    pub wg: u32,
    /// Rows of the matrix per workgroup; half as many where it has two matrices.
    pub rows: u32,
}

/// A matrix, as far as the choice depends on it: its type and the 32-column units of a row.
pub type Shape = (TensorType, usize);

/// Threads times rows worth trying: few rows fill a device with few workgroups, many rows read the
/// inputs less often.
const VEC_SIZES: [(u32, u32); 8] =
    [(32, 2), (32, 4), (64, 2), (64, 4), (64, 8), (128, 2), (128, 4), (128, 8)];

/// Tokens and rows per thread of a float tile; a workgroup has eight times as many of each. The
/// first is for up to 16 tokens.
pub const FLOAT_TILES: [Tile; 4] = [
    Tile::Float { tm: 2, tn: 8 },
    Tile::Float { tm: 8, tn: 8 },
    Tile::Float { tm: 4, tn: 4 },
    Tile::Float { tm: 4, tn: 8 },
];

/// Integer tiles: the inputs' scales take registers too, so tokens stay below eight.
pub const INT_TILES: [Tile; 3] =
    [Tile::Int { tm: 2, tn: 8 }, Tile::Int { tm: 4, tn: 8 }, Tile::Int { tm: 4, tn: 4 }];

/// Tiles for matrix units: Vulkan's with subgroups of 32 and of 64, and Metal's.
pub const COOP_TILES: [Tile; 3] = [
    Tile::Coop { size: 16, subgroup: 32 },
    Tile::Coop { size: 16, subgroup: 64 },
    Tile::Coop { size: 8, subgroup: 32 },
];

/// Tokens of the forms that read the weights once for all of them.
pub const FEW: [u32; 2] = [4, 8];
/// Workgroup of those forms: threads and rows. Registers hold the rows' units and one sum for each
/// row and token, so rows are few.
pub const FEW_WG: u32 = 64;
/// Rows of the matrix per workgroup of those forms.
pub const FEW_ROWS: u32 = 2;

/// Threads of a workgroup that quantizes.
pub const QUANTIZE_WG: u32 = 64;

/// Most tokens of the smaller tile.
pub const SMALL_TILE: u32 = 16;

/// All ways to multiply one row with a matrix of type `ty`.
pub fn vec_forms(ty: TensorType) -> Vec<VecForm> {
    let dots = [Dot::Float, Dot::Int].into_iter().filter(|dot| dot.suits(ty));
    dots.flat_map(|dot| VEC_SIZES.map(|(wg, rows)| VecForm { dot, wg, rows })).collect()
}

/// All ways to multiply many rows with a matrix of type `ty`, for more tokens than [`SMALL_TILE`].
pub fn tiles(ty: TensorType) -> Vec<Tile> {
    let listed = FLOAT_TILES.into_iter().chain(INT_TILES);
    listed.filter(|tile| tile.suits(ty) && tile.tokens() > SMALL_TILE).collect()
}

/// The ways that need matrix units; a device runs one only after its results were compared there.
pub fn coop_tiles(ty: TensorType) -> Vec<Tile> {
    COOP_TILES.into_iter().filter(|tile| tile.suits(ty)).collect()
}

/// What was chosen for a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// What products whose shape nobody chose a form for are summed in, where the type allows it.
    dot: Dot,
    vec: HashMap<Shape, VecForm>,
    tile: HashMap<Shape, Tile>,
}

impl Choices {
    /// All products in floats, or in integers where the weights are.
    pub fn all(dot: Dot) -> Self {
        Choices { dot, ..Choices::default() }
    }

    /// The same without integer products, for a device that sums those wrong.
    #[must_use]
    pub fn floats(mut self) -> Self {
        self.dot = Dot::Float;
        self.vec.retain(|_, form| form.dot == Dot::Float);
        self.tile.retain(|_, tile| tile.dot() == Dot::Float);
        self
    }

    fn dot(&self, ty: TensorType) -> Dot {
        if self.dot.suits(ty) { self.dot } else { Dot::Float }
    }

    /// Sets the form of products with one row.
    pub fn set_vec(&mut self, shape: Shape, form: VecForm) {
        self.vec.insert(shape, form);
    }

    /// Sets the form of products with many rows.
    pub fn set_tile(&mut self, shape: Shape, tile: Tile) {
        self.tile.insert(shape, tile);
    }

    /// The form of a product with one row. By default enough threads for the units of a row.
    pub fn vec(&self, shape: Shape) -> VecForm {
        let wg = match shape.1 {
            0..=32 => 32,
            33..=255 => 64,
            _ => 128,
        };
        let form = VecForm { dot: self.dot(shape.0), wg, rows: 4 };
        self.vec.get(&shape).copied().unwrap_or(form)
    }

    /// The form of a product with more than [`SMALL_TILE`] rows.
    pub fn tile(&self, shape: Shape) -> Tile {
        let tile = match self.dot(shape.0) {
            Dot::Float => Tile::Float { tm: 8, tn: 8 },
            Dot::Int => Tile::Int { tm: 4, tn: 8 },
        };
        self.tile.get(&shape).copied().unwrap_or(tile)
    }

    /// The form of a product with up to [`SMALL_TILE`] rows: integers if they won with more.
    pub fn small_tile(&self, shape: Shape) -> Tile {
        match self.tile(shape).dot() {
            Dot::Float => Tile::Float { tm: 2, tn: 8 },
            Dot::Int => Tile::Int { tm: 2, tn: 8 },
        }
    }

    /// How products with 2 to 8 rows are summed: as those with one row are.
    pub fn few(&self, shape: Shape) -> Dot {
        self.vec(shape).dot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_listed_and_exact() {
        let choices = Choices::default();
        for ty in TensorType::ALL.iter().copied().filter(|ty| ty.is_supported()) {
            for n_units in [1, 64, 448] {
                let form = choices.vec((ty, n_units));
                assert!(vec_forms(ty).contains(&form), "{ty} {form:?}");
                let tile = choices.tile((ty, n_units));
                assert!(tiles(ty).contains(&tile), "{ty} {tile:?}");
                assert_eq!((form.dot, tile.dot()), (Dot::Float, Dot::Float));
            }
        }
    }

    #[test]
    fn plain_numbers_have_no_integer_form() {
        assert!(vec_forms(TensorType::F16).iter().all(|form| form.dot == Dot::Float));
        assert!(tiles(TensorType::F32).iter().all(|tile| tile.dot() == Dot::Float));
        assert!(vec_forms(TensorType::Q4_K).iter().any(|form| form.dot == Dot::Int));
    }

    #[test]
    fn floats_are_all_that_is_left() {
        let shape = (TensorType::Q8_0, 64);
        let mut choices = Choices::all(Dot::Int);
        choices.set_tile(shape, Tile::Int { tm: 4, tn: 8 });
        choices.set_vec(shape, VecForm { dot: Dot::Float, wg: 32, rows: 2 });
        let floats = choices.floats();
        assert_eq!(floats.tile(shape).dot(), Dot::Float);
        assert_eq!(floats.vec(shape), VecForm { dot: Dot::Float, wg: 32, rows: 2 });
        assert_eq!(floats.few((TensorType::Q4_K, 8)), Dot::Float);
    }

    #[test]
    fn the_small_tile_is_of_the_chosen_kind() {
        let mut choices = Choices::default();
        let shape = (TensorType::Q8_0, 64);
        choices.set_tile(shape, Tile::Int { tm: 4, tn: 8 });
        assert_eq!(choices.small_tile(shape), Tile::Int { tm: 2, tn: 8 });
    }
}
