//! Every tensor type of ggml by its file id, with the size of its blocks.
//!
//! Types outside [`TensorType::is_supported`] are known by name and size only, so that a file which
//! holds them can be listed and refused by name.
//!
//! Source: `enum ggml_type` of the GGUF specification (ids and block sizes).

macro_rules! tensor_types {
    ($(
        $name:ident = $id:literal, $block_len:literal, $block_bytes:literal, $supported:literal;
    )*) => {
        /// A tensor type as GGUF stores it.
        #[allow(non_camel_case_types, reason = "the names are the field's own")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum TensorType {
            $(#[doc = concat!("Blocks of ", $block_len, " elements in ", $block_bytes, " bytes.")]
            $name,)*
        }

        impl TensorType {
            /// All known types, by ascending id.
            pub const ALL: &[TensorType] = &[$(TensorType::$name,)*];

            /// The type with this file id; `None` for removed and unknown ids.
            pub fn from_id(id: u32) -> Option<Self> {
                match id { $($id => Some(TensorType::$name),)* _ => None }
            }

            /// The file id.
            pub const fn id(self) -> u32 {
                match self { $(TensorType::$name => $id,)* }
            }

            /// ggml's name: "Q4_K".
            pub const fn name(self) -> &'static str {
                match self { $(TensorType::$name => stringify!($name),)* }
            }

            /// Elements in a block (1 for plain numbers).
            pub const fn block_len(self) -> usize {
                match self { $(TensorType::$name => $block_len,)* }
            }

            /// Bytes of a block.
            pub const fn block_bytes(self) -> usize {
                match self { $(TensorType::$name => $block_bytes,)* }
            }

            /// True if this crate decodes it.
            pub const fn is_supported(self) -> bool {
                match self { $(TensorType::$name => $supported,)* }
            }
        }
    };
}

tensor_types! {
    F32 = 0, 1, 4, true;
    F16 = 1, 1, 2, true;
    Q4_0 = 2, 32, 18, true;
    Q4_1 = 3, 32, 20, true;
    Q5_0 = 6, 32, 22, true;
    Q5_1 = 7, 32, 24, true;
    Q8_0 = 8, 32, 34, true;
    Q8_1 = 9, 32, 36, false;
    Q2_K = 10, 256, 84, true;
    Q3_K = 11, 256, 110, true;
    Q4_K = 12, 256, 144, true;
    Q5_K = 13, 256, 176, true;
    Q6_K = 14, 256, 210, true;
    Q8_K = 15, 256, 292, false;
    IQ2_XXS = 16, 256, 66, false;
    IQ2_XS = 17, 256, 74, false;
    IQ3_XXS = 18, 256, 98, false;
    IQ1_S = 19, 256, 50, false;
    IQ4_NL = 20, 32, 18, true;
    IQ3_S = 21, 256, 110, false;
    IQ2_S = 22, 256, 82, false;
    IQ4_XS = 23, 256, 136, true;
    I8 = 24, 1, 1, false;
    I16 = 25, 1, 2, false;
    I32 = 26, 1, 4, false;
    I64 = 27, 1, 8, false;
    F64 = 28, 1, 8, false;
    IQ1_M = 29, 256, 56, false;
    BF16 = 30, 1, 2, true;
    TQ1_0 = 34, 256, 54, false;
    TQ2_0 = 35, 256, 66, false;
    MXFP4 = 39, 32, 17, true;
}

impl std::fmt::Display for TensorType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
