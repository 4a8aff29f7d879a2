use std::fmt::{Display, Write as _};
pub enum Piece<'a> { Text(&'a str), Arg(&'a dyn Display) }
pub fn render(pieces: &[Piece<'_>], into: &mut String) {
    for p in pieces { match p { Piece::Text(t) => into.push_str(t), Piece::Arg(a) => { let _ = write!(into, "{a}"); } } }
}
