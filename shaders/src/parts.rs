//! Every WGSL file of the crate, by its path without the extension.
//!
//! A written list and no build script: a file that is not listed is found by the test below.

macro_rules! parts {
    ($($path:literal,)*) => {
        /// All parts: path and text.
        pub const PARTS: &[(&str, &str)] =
            &[$(($path, include_str!(concat!("../", $path, ".wgsl"))),)*];
    };
}

parts! {
    "kernels/argmax_final",
    "kernels/argmax_part",
    "kernels/attn_merge",
    "kernels/attn_split",
    "kernels/attn_tile",
    "kernels/embed",
    "kernels/matmul",
    "kernels/matmul_coop",
    "kernels/matmul_few",
    "kernels/matmul_int",
    "kernels/matvec",
    "kernels/norm",
    "kernels/peak_float",
    "kernels/peak_int",
    "kernels/peak_read",
    "kernels/penalize",
    "kernels/probe",
    "kernels/quantize",
    "kernels/rope_kv",
    "kernels/topk_final",
    "kernels/topk_part",
    "kv/f16",
    "kv/f32",
    "kv/plain",
    "kv/q8_0",
    "kv/row",
    "lib/activation",
    "lib/best",
    "lib/code_bits",
    "lib/codes",
    "lib/coop16",
    "lib/coop8",
    "lib/five_bits",
    "lib/held_float",
    "lib/held_int",
    "lib/input_post",
    "lib/input_row",
    "lib/k_scales",
    "lib/matrix_params",
    "lib/normed",
    "lib/one_type",
    "lib/out",
    "lib/output_each",
    "lib/output_glu",
    "lib/output_squares",
    "lib/put_add",
    "lib/put_glu",
    "lib/put_store",
    "lib/quantize",
    "lib/reduce_shared",
    "lib/reduce_subgroup",
    "lib/rows_float",
    "lib/rows_int",
    "lib/sample_params",
    "lib/sort_key",
    "lib/step",
    "lib/table",
    "lib/tile_f16",
    "lib/tile_f32",
    "lib/tile_softmax",
    "lib/two_types",
    "lib/unit_float",
    "lib/unit_int",
    "lib/vec16",
    "lib/weights",
    "lib/word",
    "lib/x16",
    "quant/bf16",
    "quant/f16",
    "quant/f32",
    "quant/iq4_nl",
    "quant/iq4_xs",
    "quant/mxfp4",
    "quant/q2_k",
    "quant/q3_k",
    "quant/q4_0",
    "quant/q4_1",
    "quant/q4_k",
    "quant/q5_0",
    "quant/q5_1",
    "quant/q5_k",
    "quant/q6_k",
    "quant/q8_0",
}

/// The text of a part.
pub fn part(path: &str) -> Option<&'static str> {
    PARTS.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]
    use super::*;

    #[test]
    fn every_file_is_listed_and_starts_with_its_purpose() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut n_files = 0;
        for folder in ["kernels", "kv", "lib", "quant"] {
            for entry in root.join(folder).read_dir().unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let path = format!("{folder}/{}", name.trim_end_matches(".wgsl"));
                assert!(part(&path).is_some(), "{path} is not listed in parts.rs");
                n_files += 1;
            }
        }
        assert_eq!(n_files, PARTS.len());
        for (path, text) in PARTS {
            assert!(text.starts_with("// "), "{path} does not start with its purpose");
        }
    }
}
