//! The inside of an action: declarations, commands, operands.

use super::ast::{Operand, Pipeline};
use super::funcs::Func;
use super::lex::{Token, syntax};
use super::parse::{Parser, Place};
use crate::error::Error;
use crate::limits::MAX_VARIABLES;

impl Parser {
    /// A pipeline and the delimiter behind it.
    pub(super) fn pipeline(&mut self, place: Place, context: &str) -> Result<Pipeline, Error> {
        let line = self.line();
        let (decl, assign) = self.declarations(place, context)?;
        let mut commands: Vec<Vec<Operand>> = Vec::new();
        let end = if place == Place::Parens { Token::CloseParen } else { Token::Right };
        loop {
            self.skip_space();
            if self.peek() == Some(&end) {
                self.at += 1;
                break;
            }
            commands.push(self.command()?);
        }
        if commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (n, command) in commands.iter().enumerate().skip(1) {
            let is_function = !matches!(
                command.first(),
                Some(
                    Operand::Bool(_)
                        | Operand::Dot
                        | Operand::Nil
                        | Operand::Int(_)
                        | Operand::Float(_)
                        | Operand::Text(_)
                )
            );
            if !is_function {
                return self.fail(format!("non executable command in pipeline stage {}", n + 1));
            }
        }
        Ok(Pipeline { decl, assign, commands, line })
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declarations(&mut self, place: Place, context: &str) -> Result<(Vec<String>, bool), Error> {
        let mut names = Vec::new();
        self.skip_space();
        let start = self.at;
        while let Some(Token::Variable(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
            let assign = match self.peek_word() {
                Some(Token::Declare) => false,
                Some(Token::Assign) => true,
                Some(Token::Comma) => {
                    self.at += 1;
                    if place != Place::Range || names.len() > 1 {
                        return self.fail(format!("too many declarations in {context}"));
                    }
                    if !matches!(self.peek_word(), Some(Token::Variable(_))) {
                        return self.fail("range can only initialize variables");
                    }
                    continue;
                }
                _ => break,
            };
            self.at += 1;
            if !assign {
                self.variables.extend(names.iter().cloned());
                if self.variables.len() > MAX_VARIABLES {
                    return self.fail(format!("more than {MAX_VARIABLES} variables in scope"));
                }
            } else if let Some(name) = names.iter().find(|name| !self.variables.contains(name)) {
                return self.fail(format!("undefined variable {name:?}"));
            }
            return Ok((names, assign));
        }
        // It was an operand.
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn command(&mut self) -> Result<Vec<Operand>, Error> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(Token::Right | Token::CloseParen) => break,
                Some(Token::Pipe) => {
                    self.at += 1;
                    break;
                }
                _ => {}
            }
            operands.push(self.operand()?);
            // Operands are separated by spaces.
            let separated = matches!(
                self.peek(),
                Some(Token::Space | Token::Right | Token::CloseParen | Token::Pipe)
            );
            if !separated {
                return self.fail("unexpected token after an operand");
            }
        }
        if operands.is_empty() {
            return self.fail("empty command");
        }
        Ok(operands)
    }

    fn operand(&mut self) -> Result<Operand, Error> {
        let term = self.term()?;
        let mut fields = Vec::new();
        while let Some(Token::Field(_)) = self.peek() {
            if let Some(Token::Field(name)) = self.next() {
                fields.push(name);
            }
        }
        if fields.is_empty() {
            return Ok(term);
        }
        match term {
            Operand::Field(mut names) => {
                names.extend(fields);
                Ok(Operand::Field(names))
            }
            Operand::Variable(name, _) => Ok(Operand::Variable(name, fields)),
            Operand::Pipe(_) | Operand::Function(_) => Ok(Operand::Chain(Box::new(term), fields)),
            _ => self.fail("unexpected . after a constant"),
        }
    }

    fn term(&mut self) -> Result<Operand, Error> {
        let line = self.line();
        Ok(match self.next() {
            Some(Token::Dot) => Operand::Dot,
            Some(Token::Field(name)) => Operand::Field(vec![name]),
            Some(Token::Int(n)) => Operand::Int(n),
            Some(Token::Float(n)) => Operand::Float(n),
            Some(Token::Text(text)) => Operand::Text(text),
            Some(Token::Variable(name)) => {
                if !self.variables.contains(&name) {
                    return Err(syntax(line, format!("undefined variable {name:?}")));
                }
                Operand::Variable(name, Vec::new())
            }
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Nil,
                _ => match Func::of_name(&word) {
                    Some(func) => Operand::Function(func),
                    None => return Err(syntax(line, format!("function {word:?} not defined"))),
                },
            },
            Some(Token::OpenParen) => {
                self.deeper()?;
                let pipe = self.pipeline(Place::Parens, "parenthesized pipeline")?;
                self.depth -= 1;
                Operand::Pipe(Box::new(pipe))
            }
            _ => return Err(syntax(line, "unexpected token in an operand")),
        })
    }
}
