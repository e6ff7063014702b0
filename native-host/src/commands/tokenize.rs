//! `ingle tokenize`: text to ids, or back, from standard input to standard output.
//!
//! The text is taken byte for byte: a line break at its end is a token too.

use serde::Serialize;
use tokenizer::{Encode, Tokenizer};

use super::{print_json, read_stdin};
use crate::args::{Format, TokenizeArgs};
use crate::failure::Failure;
use crate::{source, term};

#[derive(Serialize)]
struct Ids {
    tokens: Vec<u32>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

pub fn run(args: &TokenizeArgs) -> Result<(), Failure> {
    let gguf = source::open(&args.file)?;
    let tokenizer = Tokenizer::from_gguf(&gguf.metadata).map_err(engine::Error::from)?;
    let input = read_stdin()?;
    if args.decode {
        let text = tokenizer.decode(&parse_ids(&input, tokenizer.n_vocab())?);
        return match args.format {
            Format::Json => print_json(&Text { text }),
            Format::Text => term::write_out(text.as_bytes()),
        };
    }
    let options = Encode { add_special: !args.no_bos, parse_special: !args.no_special };
    let tokens = tokenizer.encode(&input, options);
    match args.format {
        Format::Json => print_json(&Ids { tokens }),
        Format::Text => {
            let words: Vec<String> = tokens.iter().map(u32::to_string).collect();
            term::line(&words.join(" "))
        }
    }
}

/// Ids between blanks, commas and brackets, so that both of our own outputs can be read back.
fn parse_ids(input: &str, n_vocab: usize) -> Result<Vec<u32>, Failure> {
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']');
    let words = input.split(separator).filter(|word| !word.is_empty());
    let parse = |word: &str| match word.parse::<u32>() {
        Ok(id) if (id as usize) < n_vocab => Ok(id),
        Ok(id) => Err(engine::Error::Token { id, n_vocab }.into()),
        Err(_) => {
            let said = format!("'{word}' is no token id; give numbers, separated by blanks");
            Err(Failure::Usage(said))
        }
    };
    words.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        assert_eq!(parse_ids("1 2\n3", 4).ok(), Some(vec![1, 2, 3]));
        assert_eq!(parse_ids("[1,2, 3]\n", 4).ok(), Some(vec![1, 2, 3]));
        assert_eq!(parse_ids(" ", 4).ok(), Some(vec![]));
        assert!(matches!(parse_ids("1 two", 4), Err(Failure::Usage(_))));
        assert!(matches!(parse_ids("4", 4), Err(Failure::Engine(_))));
    }
}
