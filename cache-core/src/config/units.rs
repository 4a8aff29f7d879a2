//! Lengths of time and sizes as they are written.

use std::time::Duration;

/// Seconds (`300`), or `250ms`, `30s`, `5m`, `1h 30m`, `7d`: the attributes' way to write them.
///
/// # Errors
/// What it is instead, to be put after "is".
pub(super) fn length(text: &str) -> Result<Duration, &'static str> {
    let millis = |unit: &str| {
        Some(match unit {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        })
    };
    match sum(text, millis) {
        Some(Some(millis)) => Ok(Duration::from_millis(millis)),
        Some(None) => Err("too long"),
        None => Err("not a duration: write seconds (`300`), or `\"5m\"`"),
    }
}

/// Bytes (`1048576`), or `512KiB`, `256MiB`, `2GiB`, `100kB`, `1MB`.
///
/// # Errors
/// What it is instead, to be put after "is".
pub(super) fn size(text: &str) -> Result<u64, &'static str> {
    let bytes = |unit: &str| {
        Some(match unit {
            "B" | "" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        })
    };
    match sum(text, bytes) {
        Some(Some(bytes)) => Ok(bytes),
        Some(None) => Err("too large"),
        None => Err("not a size: write bytes (`1048576`), or `\"256MiB\"`"),
    }
}

/// The sum of numbers with their units; a number without one stands alone. `None`: it is none; `Some(None)`: more than 64 bits hold.
fn sum(text: &str, worth: impl Fn(&str) -> Option<u64>) -> Option<Option<u64>> {
    let mut rest = text.trim();
    let alone = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let mut total = Some(0_u64);
    let mut first = true;
    while first || !rest.is_empty() {
        first = false;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() || unit.is_empty() && !alone {
            return None;
        }
        let unit = worth(unit)?;
        let part = number.parse::<u64>().ok();
        let part = part.and_then(|number| number.checked_mul(unit));
        total = total
            .zip(part)
            .and_then(|(total, part)| total.checked_add(part));
        rest = tail.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_in_the_attributes() {
        for (text, millis) in [
            ("300", 300_000),
            (" 0 ", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(length(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            " ",
            "s",
            "5 s",
            "5 parsecs",
            "1.5s",
            "-1",
            "5m 3",
            "3 5m",
            "1e3",
            "٣s",
        ] {
            assert!(
                length(text).is_err_and(|why| why.contains("5m")),
                "{text:?}"
            );
        }
        for text in [
            "99999999999999999999",
            "18446744073709551615",
            "300000000000d",
        ] {
            assert_eq!(length(text), Err("too long"), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("512B", 512),
            ("64KiB", 64 << 10),
            ("256MiB", 256 << 20),
            ("2GiB", 2 << 30),
            ("1GiB 512MiB", 1536 << 20),
            ("100kB", 100_000),
            ("1MB", 1_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "256 MiB", "256mib", "1.5GiB", "-1", "256M"] {
            assert!(
                size(text).is_err_and(|why| why.contains("256MiB")),
                "{text:?}"
            );
        }
        assert_eq!(size("99999999999GiB"), Err("too large"));
    }
}
