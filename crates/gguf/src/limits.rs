//! Every limit of the reader, in one table, as a value and not as a build setting.
//!
//! A `Limits` value is passed in, so that a 64-bit test can ask what a 32-bit browser would answer.
//! The numbers sit well above any real file and well below what would hurt: a vocabulary of 262,144
//! tokens with its merges is 10–30 MB of header, real files have fewer than 200 keys and 10,000
//! tensors.

use std::fmt;

const MIB: u64 = 1 << 20;

/// Upper bounds for what a file may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes from the magic to the start of the tensor data: several times the largest vocabulary.
    pub header_bytes: u64,
    /// Heap the parsed header may take (counted as on a 64-bit machine, so that verdicts agree):
    /// small strings cost more in memory than in the file, so the header limit alone is not enough.
    pub heap_bytes: u64,
    /// Key-value pairs.
    pub n_kv: u64,
    /// Tensors in a file.
    pub n_tensors: u64,
    /// Bytes of a key: the specification's 2^16 − 1.
    pub key_bytes: u64,
    /// Bytes of a tensor name: ggml's 64 with its terminating zero.
    pub name_bytes: u64,
    /// Bytes of one string value: a chat template is at most a few 100 KB.
    pub string_bytes: u64,
    /// Elements of one array: 16 times the largest vocabulary (wasm32) or 64 times (native).
    pub array_len: u64,
    /// Dimensions of a tensor: ggml's `GGML_MAX_DIMS`.
    pub n_dims: u32,
    /// Tensor data alignment; a power of two up to here. Real files use 32.
    pub alignment: u64,
    /// Files a split model may have: `split.count` is a u16, real models stay below 100.
    pub n_shards: u64,
}

impl Limits {
    /// For hosts with a 64-bit address space.
    pub const NATIVE: Limits = Limits {
        header_bytes: 128 * MIB,
        heap_bytes: 256 * MIB,
        n_kv: 65_536,
        n_tensors: 65_536,
        key_bytes: 65_535,
        name_bytes: 63,
        string_bytes: 16 * MIB,
        array_len: 16 * MIB,
        n_dims: 4,
        alignment: MIB,
        n_shards: 1024,
    };

    /// For hosts with a 32-bit address space, where 4 GiB is all there is.
    pub const WASM32: Limits = Limits {
        header_bytes: 64 * MIB,
        heap_bytes: 128 * MIB,
        string_bytes: 8 * MIB,
        array_len: 4 * MIB,
        ..Limits::NATIVE
    };

    /// The limits that fit the machine this runs on.
    pub const fn host() -> &'static Limits {
        if usize::BITS > 32 { &Limits::NATIVE } else { &Limits::WASM32 }
    }
}

/// Which limit a file went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::header_bytes`]
    Header,
    /// [`Limits::heap_bytes`]
    Heap,
    /// [`Limits::n_kv`]
    KvCount,
    /// [`Limits::n_tensors`]
    TensorCount,
    /// [`Limits::key_bytes`]
    Key,
    /// [`Limits::name_bytes`]
    Name,
    /// [`Limits::string_bytes`]
    String,
    /// [`Limits::array_len`]
    Array,
    /// [`Limits::n_shards`]
    Shards,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Header => "header bytes",
            Limit::Heap => "bytes of memory for the header",
            Limit::KvCount => "metadata keys",
            Limit::TensorCount => "tensors",
            Limit::Key => "bytes of metadata key",
            Limit::Name => "bytes of tensor name",
            Limit::String => "bytes of metadata string",
            Limit::Array => "array elements",
            Limit::Shards => "files of a split model",
        })
    }
}
