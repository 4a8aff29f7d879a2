//! Values as they are typed.

use super::*;

fn read<T>(text: &str, by: impl FnOnce(Expr, &mut Diag) -> Option<T>) -> Result<T, String> {
    let mut diag = Diag::default();
    let value = by(syn::parse_str(text).unwrap(), &mut diag);
    assert_eq!(
        value.is_some(),
        diag.is_empty(),
        "{text}: a value or an error, never both"
    );
    value.ok_or_else(|| diag.listed().join("; "))
}

#[test]
fn reads_durations() {
    for (text, expected) in [
        ("300", 300_000),
        ("1_000", 1_000_000),
        ("7u64", 7000),
        ("\"250ms\"", 250),
        ("\"30s\"", 30_000),
        ("\"5m\"", 300_000),
        ("\"1h 30m\"", 5_400_000),
        ("\" 1h30m \"", 5_400_000),
        ("\"7d\"", 604_800_000),
    ] {
        match read(text, length) {
            Ok(Length::Millis(millis, _)) => assert_eq!(millis, expected, "{text}"),
            Ok(Length::Const(_)) => panic!("{text} became an expression"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
    assert!(matches!(
        read("Duration::from_secs(60)", length),
        Ok(Length::Const(_))
    ));
    assert!(matches!(
        read("MY_TTL", ttl),
        Ok(Ttl::For(Length::Const(_)))
    ));
    assert!(matches!(read("\"never\"", ttl), Ok(Ttl::Never)));
    assert!(matches!(
        read("|value| value.ttl", ttl),
        Ok(Ttl::ByValue(_))
    ));
}

#[test]
fn refuses_what_is_no_duration() {
    const WRITE: &str = "not a duration\nhelp: write seconds (`300`) or `\"5m\"`";
    for text in [
        "\"5 parsecs\"",
        "\"\"",
        "\"300\"",
        "\"m\"",
        "\"5m 3\"",
        "\"-5m\"",
        "\"1.5h\"",
        "true",
        "1..2",
    ] {
        assert_eq!(read(text, length).err(), Some(format!("{WRITE} @ {text}")));
    }
    for (text, error) in [
        (
            "0.5",
            "not a duration\nhelp: write milliseconds: `\"500ms\"` @ 0.5",
        ),
        (
            "60 * 60",
            "not a duration\nhelp: write `\"5m\"`, or `Duration::from_secs(60*60)` @ 60 * 60",
        ),
        (
            "-5",
            "a duration cannot be negative\nhelp: write seconds (`300`) or `\"5m\"` @ -5",
        ),
        (
            "\"never\"",
            "only a `ttl` can be `never`\nhelp: write seconds (`300`) or `\"5m\"` @ \"never\"",
        ),
        (
            "99999999999999999999",
            "this duration is too long\nhelp: write a shorter one; a `ttl` alone can be `\"never\"` @ 99999999999999999999",
        ),
        (
            "\"99999999999999999d\"",
            "this duration is too long\nhelp: write a shorter one; a `ttl` alone can be `\"never\"` @ \"99999999999999999d\"",
        ),
        (
            "|v| v",
            "only a `ttl` can be decided from the value\nhelp: write seconds (`300`) or `\"5m\"` @ |v| v",
        ),
    ] {
        assert_eq!(read(text, length).err().as_deref(), Some(error));
    }
    for (text, error) in [
        (
            "0",
            "a `ttl` of zero stores nothing\nhelp: remove the attribute @ 0",
        ),
        (
            "\"0s\"",
            "a `ttl` of zero stores nothing\nhelp: remove the attribute @ \"0s\"",
        ),
        (
            "|| 5",
            "this closure takes one argument, the value\nhelp: write `|value| …` @ || 5",
        ),
        (
            "async |v| 5",
            "this closure runs while the value is stored, so it cannot be async\nhelp: remove `async` @ async",
        ),
    ] {
        assert_eq!(read(text, ttl).err().as_deref(), Some(error));
    }
}

#[test]
fn reads_percentages() {
    for (text, expected) in [
        ("\"10%\"", 100),
        ("\"2.5%\"", 25),
        ("\"100 %\"", 1000),
        ("\"0%\"", 0),
    ] {
        assert_eq!(read(text, permille), Ok(expected), "{text}");
    }
    for text in ["10", "\"10\"", "\"%\"", "\"-1%\"", "\"2.%\"", "0.1"] {
        assert_eq!(
            read(text, permille),
            Err(format!("not a percentage\nhelp: write `\"10%\"` @ {text}"))
        );
    }
    for text in ["\"0.05%\"", "\"2.55%\""] {
        let error = "finer than a tenth of a percent\nhelp: write one decimal: `\"0.1%\"`";
        assert_eq!(read(text, permille), Err(format!("{error} @ {text}")));
    }
    assert_eq!(
        read("\"101%\"", permille),
        Err("more than all of it\nhelp: write at most `\"100%\"` @ \"101%\"".into())
    );
}

#[test]
fn reads_the_rest() {
    assert_eq!(read("7", integer::<u32>), Ok(7));
    assert_eq!(
        read("4294967296", integer::<u32>),
        Err("this number is too large\nhelp: write a smaller one @ 4294967296".into())
    );
    assert_eq!(
        read("N", integer::<u32>),
        Err("not a whole number\nhelp: write digits: `100` @ N".into())
    );
    assert_eq!(
        read("-1", integer::<u32>),
        Err("a negative number\nhelp: write digits: `100` @ -1".into())
    );
    assert!(read("is_good", judge).is_ok() && read("|v| v.ok", judge).is_ok());
    assert_eq!(
        read("true", judge).err().as_deref(),
        Some("`when` decides from the value\nhelp: write `when = |value| …` @ true")
    );
    assert!(read("::a::b", path).is_ok());
    assert_eq!(
        read("\"a\"", path).err().as_deref(),
        Some("not a path\nhelp: write `crate = ::path` @ \"a\"")
    );
    assert_eq!(
        read("5", string).err().as_deref(),
        Some("not a string literal\nhelp: write text between quotes @ 5")
    );
}
