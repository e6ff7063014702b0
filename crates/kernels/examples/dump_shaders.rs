//! Writes every shader variant as text: `dump_shaders DIR` (`cargo xtask shaders --dump DIR`).
//!
//! `DIR/native/` has the dialect for naga, `DIR/browser/` the one for browsers, under equal names;
//! `DIR/variants.tsv` lists file name, needs subgroups, needs f16, and the kernel's key. An example
//! and not a test, because people read the files and the browser tests compile them.

use std::error::Error;
use std::fs;
use std::path::Path;

use kernels::shader::all_variants;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err("usage: dump_shaders DIR".into());
    };
    let folder = Path::new(&folder);
    for dialect in ["native", "browser"] {
        fs::create_dir_all(folder.join(dialect))?;
    }
    let mut table = String::new();
    for (i, variant) in all_variants().enumerate() {
        let variant = variant?;
        let file = format!("{i:04}-{}.wgsl", file_stem(&variant.name));
        fs::write(folder.join("native").join(&file), &variant.native)?;
        fs::write(folder.join("browser").join(&file), &variant.browser)?;
        let forms = variant.forms;
        table.push_str(&format!("{file}\t{}\t{}\t{}\n", forms.subgroups, forms.f16, variant.name));
    }
    fs::write(folder.join("variants.tsv"), &table)?;
    println!("{} variants in both dialects in {}", table.lines().count(), folder.display());
    Ok(())
}

/// The kernel's key with everything but letters and digits as single dashes.
fn file_stem(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}
