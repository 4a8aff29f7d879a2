//! Addresses: the readable names of entries.
//!
//! An address is literal text with arguments filled in. An argument's text is escaped, so that it can neither add a
//! segment nor act as a pattern: a user named `*` is not everybody.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

#[cfg(test)]
mod tests;

/// Stands for an argument whose `Display` failed, where text is made before it is used; escaped text has no control
/// characters.
pub(crate) const UNWRITABLE: char = '\0';

/// A part of an address that is to be written.
#[derive(Clone, Copy)]
pub enum Piece<'a> {
    /// Literal text, written as it is.
    Text(&'a str),
    /// An argument, written as its escaped `Display`.
    Arg(&'a dyn Display),
}

impl<'a> Piece<'a> {
    /// What stands in the braces of a template.
    pub fn arg<T: AddressPart>(argument: &'a T) -> Self {
        Self::Arg(argument)
    }
}

/// What can stand in the braces of a template.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of an address or a tag",
    label = "`{Self}` would have to be `Display`",
    note = "name a part of it that is, as in `{{user.id}}`, or leave it out: an address need not name everything that is in the key"
)]
pub trait AddressPart: Display {}
#[diagnostic::do_not_recommend]
impl<T: Display> AddressPart for T {}

/// A part of the addresses that one template makes, whatever the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TemplatePart<'a> {
    /// Literal text.
    Text(&'a str),
    /// An argument's escaped text, which may be empty.
    Hole,
}

/// Appends the address that `pieces` make.
///
/// # Errors
///
/// What an argument's `Display` returns; `into` is then as long as it was. Half an address would name something else.
pub(crate) fn render(pieces: &[Piece<'_>], into: &mut String) -> fmt::Result {
    let start = into.len();
    let written = pieces.iter().try_for_each(|piece| match piece {
        Piece::Text(text) => into.write_str(text),
        Piece::Arg(argument) => write!(Escaped(into), "{argument}"),
    });
    if written.is_err() {
        into.truncate(start);
    }
    written
}

/// An argument's text as it stands in addresses and tags; for naming them by hand.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{escape, invalidate_tag};
/// let city = "a:b";                                         // as in `tags("city:{city}")`
/// invalidate_tag(&format!("city:{}", escape(city))).await?; // `city:a%3Ab`
/// # assert_eq!(escape(city), "a%3Ab");
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
#[must_use]
pub fn escape(argument: impl Display) -> String {
    let mut text = String::new();
    // A `Display` that fails ends its text: there is nothing to report it to.
    let _ = write!(Escaped(&mut text), "{argument}");
    text
}

/// Whether an argument's byte is written as `%XX`: what separates segments, what means something in a pattern or a
/// template, what escapes, and control bytes.
pub(crate) const fn is_escaped(byte: u8) -> bool {
    matches!(
        byte,
        b':' | b'*' | b'?' | b'[' | b']' | b'\\' | b'{' | b'}' | b'%' | 0..=31 | 127
    )
}

/// Escapes what is written through it.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        // Escaped bytes are ASCII, so that both sides of one are text.
        while let Some(at) = rest.bytes().position(is_escaped) {
            let (plain, tail) = rest.split_at(at);
            self.0.push_str(plain);
            if let Some(byte) = tail.bytes().next() {
                write!(self.0, "%{byte:02X}")?;
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

/// An address as people read it: `%XX` undone. Not for look-ups: `a%3Ab` and `a:b` look the same.
pub fn unescape(address: &str) -> Cow<'_, str> {
    if !address.contains('%') {
        return Cow::Borrowed(address);
    }
    let mut bytes = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = match tail {
            [high, low, tail @ ..] if *byte == b'%' => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => ((high << 4 | low) as u8, tail),
                _ => (*byte, &rest[1..]),
            },
            _ => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn digit(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}
