//! Writes the models of the recipe tests, for `tests/recipes.py` to show to llama.cpp.
//!
//!     cargo run -p quantize --example recipe_models -- FOLDER

#![allow(clippy::unwrap_used, reason = "a developer's program")]

#[path = "../tests/common/shapes.rs"]
mod shapes;

use std::io::Write;

use gguf::Writer;

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    for shape in shapes::SHAPES {
        let mut writer = Writer::new(shape.metadata());
        let tensors = shape.tensors();
        for tensor in &tensors {
            writer.tensor(tensor.name.as_str(), tensor.ty, &tensor.dims).unwrap();
        }
        let mut data = writer.start(Vec::new()).unwrap();
        for tensor in &tensors {
            let zeros = vec![0; usize::try_from(tensor.n_bytes().unwrap()).unwrap()];
            data.write_tensor(&tensor.name, &zeros).unwrap();
        }
        let path = format!("{folder}/{}.gguf", shape.name);
        let bytes = data.finish().unwrap();
        std::fs::File::create(path).unwrap().write_all(&bytes).unwrap();
    }
}
