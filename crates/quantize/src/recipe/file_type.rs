//! The names people choose from: "Q4_K_M" is no format of blocks but a mixture of several.
//!
//! A file type has an id (`general.file_type`), and a type that most of its tensors get. Only those
//! are here that this program can write.
//!
//! Source: llama.cpp's `llama_ftype` (ids) and what its quantizer starts from (types).

use std::fmt;
use std::str::FromStr;

use quant::TensorType;

macro_rules! file_types {
    ($($name:ident = $id:literal, $base:ident, $about:literal;)*) => {
        /// What a file is quantized to.
        #[allow(non_camel_case_types, reason = "the names are the field's own")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FileType { $(#[doc = $about] $name,)* }

        impl FileType {
            /// All of them, the smallest files first.
            pub const ALL: &[FileType] = &[$(FileType::$name,)*];

            /// The value of `general.file_type`.
            pub const fn id(self) -> u32 {
                match self { $(FileType::$name => $id,)* }
            }

            /// The name: "Q4_K_M".
            pub const fn name(self) -> &'static str {
                match self { $(FileType::$name => stringify!($name),)* }
            }

            /// The type most tensors get.
            pub const fn base(self) -> TensorType {
                match self { $(FileType::$name => TensorType::$base,)* }
            }

            /// What it is, in a few words.
            pub const fn about(self) -> &'static str {
                match self { $(FileType::$name => $about,)* }
            }
        }
    };
}

file_types! {
    TQ1_0 = 36, TQ1_0, "three values, for models trained with them";
    TQ2_0 = 37, TQ2_0, "three values in two bits, for models trained with them";
    Q2_K_S = 21, Q2_K, "2 bits, needs an importance matrix";
    Q2_K = 10, Q2_K, "2 bits, more where it hurts";
    Q3_K_S = 11, Q3_K, "3 bits";
    Q3_K_M = 12, Q3_K, "3 bits, 4 and 5 where it hurts";
    Q3_K_L = 13, Q3_K, "3 bits, 5 where it hurts";
    IQ4_XS = 30, IQ4_XS, "4 bits with uneven steps";
    MXFP4_MOE = 38, MXFP4, "4-bit floats for experts, 8 bits for the rest";
    Q4_0 = 2, Q4_0, "4 bits in blocks of 32";
    IQ4_NL = 25, IQ4_NL, "4 bits with uneven steps in blocks of 32";
    Q4_K_S = 14, Q4_K, "4 bits";
    Q4_K_M = 15, Q4_K, "4 bits, 6 where it hurts";
    Q4_1 = 3, Q4_1, "4 bits with a minimum in blocks of 32";
    Q5_0 = 8, Q5_0, "5 bits in blocks of 32";
    Q5_K_S = 16, Q5_K, "5 bits";
    Q5_K_M = 17, Q5_K, "5 bits, 6 where it hurts";
    Q5_1 = 9, Q5_1, "5 bits with a minimum in blocks of 32";
    Q6_K = 18, Q6_K, "6 bits";
    Q8_0 = 7, Q8_0, "8 bits";
    F16 = 1, F16, "16-bit floats";
    BF16 = 32, BF16, "16-bit floats with the range of 32";
    F32 = 0, F32, "32-bit floats";
}

/// Names of llama.cpp and Ollama that mean one of [`FileType::ALL`].
const ALIASES: [(&str, FileType); 7] = [
    ("Q3_K", FileType::Q3_K_M),
    ("Q4_K", FileType::Q4_K_M),
    ("Q5_K", FileType::Q5_K_M),
    ("FP16", FileType::F16),
    ("FP32", FileType::F32),
    ("MXFP4", FileType::MXFP4_MOE),
    ("Q8", FileType::Q8_0),
];

/// A name that is no file type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{}\" is no type a model can be quantized to: choose one of {}",
    .0.escape_debug(), names()
)]
pub struct UnknownType(pub String);

fn names() -> String {
    FileType::ALL.iter().map(|ty| ty.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for FileType {
    type Err = UnknownType;

    /// Upper or lower case; the aliases of llama.cpp.
    fn from_str(text: &str) -> Result<Self, UnknownType> {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        let alias = || ALIASES.iter().find(|(name, _)| is(name)).map(|(_, ty)| *ty);
        let named = FileType::ALL.iter().copied().find(|ty| is(ty.name()));
        named.or_else(alias).ok_or_else(|| UnknownType(text.to_owned()))
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
