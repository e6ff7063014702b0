//! The names a pickle of tensors may use. Nothing stands behind them but these values.

use crate::bytes::Float;

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// A dictionary.
    OrderedDict,
    /// A tensor: storage, first element, sizes, strides.
    RebuildTensor,
    /// A tensor that is trained: the tensor within.
    RebuildParameter,
    /// Sizes.
    Size,
    /// A type of storage.
    Storage(Dtype),
}

/// A type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    /// Its name, and what it is if weights may have it.
    pub name: &'static str,
    pub float: Option<Float>,
    pub n_bytes: u64,
}

const fn float(name: &'static str, float: Float) -> Global {
    Global::Storage(Dtype { name, float: Some(float), n_bytes: float.n_bytes() })
}

const fn other(name: &'static str, n_bytes: u64) -> Global {
    Global::Storage(Dtype { name, float: None, n_bytes })
}

const TABLE: &[(&str, &str, Global)] = &[
    ("collections", "OrderedDict", Global::OrderedDict),
    ("torch._utils", "_rebuild_tensor", Global::RebuildTensor),
    ("torch._utils", "_rebuild_tensor_v2", Global::RebuildTensor),
    ("torch._utils", "_rebuild_parameter", Global::RebuildParameter),
    ("torch", "Size", Global::Size),
    ("torch", "DoubleStorage", float("F64", Float::F64)),
    ("torch", "FloatStorage", float("F32", Float::F32)),
    ("torch", "HalfStorage", float("F16", Float::F16)),
    ("torch", "BFloat16Storage", float("BF16", Float::BF16)),
    ("torch", "LongStorage", other("I64", 8)),
    ("torch", "IntStorage", other("I32", 4)),
    ("torch", "ShortStorage", other("I16", 2)),
    ("torch", "CharStorage", other("I8", 1)),
    ("torch", "ByteStorage", other("U8", 1)),
    ("torch", "BoolStorage", other("BOOL", 1)),
];

/// What a name means, if it is on the list.
pub(super) fn find(module: &str, name: &str) -> Option<Global> {
    TABLE.iter().find(|row| row.0 == module && row.1 == name).map(|row| row.2)
}
