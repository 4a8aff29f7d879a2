//! Keys, as text.

use super::{Config, Secret};
use crate::sync::Arc;

/// What is said of a text that is no key. Nothing of it is repeated.
const NO_KEY: &str = "is no key of 32 bytes: write 64 hexadecimal digits, or base64 (`openssl rand -base64 32` makes one)";

/// What names are made with.
///
/// # Errors
/// What is wrong with it, to be put after the name.
pub(super) fn secret(config: &mut Config, text: &str) -> Result<(), &'static str> {
    config.key_secret = Some(Secret(Arc::new(key(text.trim()).ok_or(NO_KEY)?)));
    Ok(())
}

/// What values are encrypted with: `2:key,1:key`.
///
/// # Errors
/// What is wrong with it, to be put after the name.
#[cfg(feature = "encryption")]
pub(super) fn encryption(config: &mut Config, text: &str) -> Result<(), &'static str> {
    let one = |part: &str| {
        let (number, text) = part.split_once(':').ok_or(
            "has a key without its number: write `2:key,1:key`; the first encrypts, all decrypt",
        )?;
        let number = number.trim().parse();
        let number =
            number.map_err(|_| "has a key with a number that is none: write `2:key,1:key`")?;
        Ok((number, key(text.trim()).ok_or(NO_KEY)?))
    };
    let keys: Result<Vec<_>, &str> = text.split(',').map(one).collect();
    let cipher = crate::cipher::Cipher::new(keys?);
    if cipher.is_ambiguous() {
        return Err("has two keys of one number");
    }
    config.cipher = cipher;
    Ok(())
}

/// In this build nothing can be encrypted, and nothing must go out that was meant to be.
#[cfg(not(feature = "encryption"))]
pub(super) fn encryption(_: &mut Config, _: &str) -> Result<(), &'static str> {
    Err("cannot be used in this build: enable the feature `encryption` of cache-core")
}

/// 32 bytes, as hexadecimal digits or base64 (RFC 4648, either alphabet, with or without the `=` at its end).
fn key(text: &str) -> Option<[u8; 32]> {
    let (bits, digits) = match text.len() {
        64 => (4, text),
        44 => (6, text.strip_suffix('=')?),
        43 => (6, text),
        _ => return None,
    };
    let mut key = Vec::with_capacity(32);
    let (mut held, mut count) = (0_u32, 0);
    for digit in digits.chars() {
        let value = match bits {
            4 => digit.to_digit(16)?,
            _ => six(digit)?,
        };
        held = held << bits | value;
        count += bits;
        if count >= 8 {
            count -= 8;
            key.push((held >> count) as u8);
            held &= (1 << count) - 1;
        }
    }
    // What is left of base64 says nothing, and is zero if nobody has cut it off elsewhere.
    key.try_into().ok().filter(|_| held == 0)
}

fn six(digit: char) -> Option<u32> {
    let digit = u8::try_from(digit).ok()?;
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1EFF";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=";

    #[test]
    fn a_key_is_written_in_either_way() {
        let mut bytes: [u8; 32] = std::array::from_fn(|n| n as u8);
        bytes[31] = 0xff;
        assert_eq!(key(HEX), Some(bytes));
        assert_eq!(key(BASE64), Some(bytes));
        assert_eq!(key(BASE64.trim_end_matches('=')), Some(bytes));
        let url_safe = BASE64.replace('/', "_").replace('+', "-");
        assert_eq!(key(&url_safe), Some(bytes));
        assert_eq!(key(&"f".repeat(64)), Some([255; 32]));
        assert_eq!(key(&format!("{}8=", "/".repeat(42))), Some([255; 32]));
        for text in [
            "",
            "secret",
            &HEX[1..],
            &BASE64[1..],
            &HEX.replace('0', "g"),
            &BASE64.replace('A', "!"),
            &BASE64.replace("8=", "9="),
            &BASE64.replace('=', "A"),
            &"ü".repeat(32),
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_without_it() {
        let mut config = Config::default();
        let told = secret(&mut config, "hunter2").unwrap_err();
        assert!(
            told.contains("32 bytes") && !told.contains("hunter2"),
            "{told}"
        );
        secret(&mut config, &format!(" {HEX}\n")).unwrap();
        let secret = config.key_secret.unwrap();
        assert_eq!((secret.0[1], secret.0[31]), (1, 255));
    }

    #[cfg(feature = "encryption")]
    #[test]
    fn keys_have_numbers_and_the_first_encrypts() {
        let reads = |text: &str| {
            let mut config = Config::default();
            encryption(&mut config, text).map(|()| config.cipher)
        };
        let (two, one) = ([2; 32], [1; 32]);
        let text = format!("2:{}, 1:{}", "02".repeat(32), "01".repeat(32));
        let read = reads(&text).unwrap();
        let sealed = read.seal(b"", b"plain").unwrap();
        let new = crate::cipher::Cipher::new([(2, two)]);
        assert_eq!(new.open(b"", &sealed).as_deref(), Some(&b"plain"[..]));
        let old = crate::cipher::Cipher::new([(1, one)]);
        assert!(old.open(b"", &sealed).is_none());
        let sealed = old.seal(b"", b"plain").unwrap();
        assert!(read.open(b"", &sealed).is_some());
        for (text, why) in [
            (HEX.to_owned(), "without its number"),
            (format!("x:{HEX}"), "a number that is none"),
            (format!("1:{HEX},1:{BASE64}"), "one number"),
            (format!("1:{HEX},"), "without its number"),
            ("1:hunter2".to_owned(), "32 bytes"),
        ] {
            let told = reads(&text).unwrap_err();
            assert!(told.contains(why) && !told.contains("hunter2"), "{told}");
        }
    }
}
