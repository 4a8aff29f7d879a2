//! What the path of a call's marker says of the function.

/// `shop::users::load<u8>::{{closure}}::{{closure}}` without its closures.
pub(super) fn function_path(marker: &'static str) -> &'static str {
    let mut path = marker;
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    path
}

/// What a `name` does not stand for: type arguments, and the type of which a trait's method is called, as a method with a
/// body in the trait has one path for all of them.
pub(super) fn type_arguments(path: &str) -> String {
    let mut kept = String::new();
    let mut rest = path;
    while let Some((before, inside, after)) = bracketed(rest) {
        let (this, arguments) = match inside.strip_prefix("impl ") {
            _ if !before.is_empty() && !before.ends_with("::") => (Some(inside), ""),
            // An `impl` that stands in another module than its type.
            Some(inner) => match outermost(inner, " for ") {
                Some((of, this)) => (Some(this), of),
                None => (None, inner),
            },
            None => match outermost(inside, " as ") {
                Some((this, of)) => (Some(this), of),
                None => (Some(inside), ""),
            },
        };
        if let Some(this) = this {
            kept.extend(["<", this, ">"]);
        }
        kept.push_str(&type_arguments(arguments));
        rest = after;
    }
    kept
}

/// What is before, within and behind the first pair of `<` and `>`.
fn bracketed(path: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = path.split_once('<')?;
    let (inside, after) = outermost(rest, ">")?;
    Some((before, inside, after))
}

/// What is before and behind the first `separator` that is within no brackets.
fn outermost<'p>(path: &'p str, separator: &str) -> Option<(&'p str, &'p str)> {
    let mut depth = 0_i32;
    for (at, byte) in path.bytes().enumerate() {
        if depth == 0
            && let Some((before, rest)) = path.split_at_checked(at)
            && !before.ends_with('-')
            && let Some(after) = rest.strip_prefix(separator)
        {
            return Some((before, after));
        }
        match byte {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' if at > 0 && path.as_bytes().get(at - 1) == Some(&b'-') => {} // of `fn() -> T`
            b'>' | b')' | b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{function_path, type_arguments};

    #[test]
    fn a_path_loses_its_closures_and_keeps_its_types() {
        let path = function_path("shop::load<u8>::{{closure}}::{{closure}}");
        assert_eq!(path, "shop::load<u8>");
        assert_eq!(type_arguments(path), "<u8>");
    }

    #[test]
    fn a_name_stands_for_the_path_without_its_types() {
        for (path, kept) in [
            ("shop::load", ""),
            ("shop::load<u8, a::B<c::D>>", "<u8, a::B<c::D>>"),
            ("shop::load<fn(u8) -> a::B<u8>>", "<fn(u8) -> a::B<u8>>"),
            ("shop::Repo::get", ""),
            ("shop::Repo<u8>::get", "<u8>"),
            ("shop::Repo<u8>::get<u16>", "<u8><u16>"),
            ("shop::far::<impl shop::Repo<u8>>::get<u16>", "<u8><u16>"),
            ("<shop::Repo as shop::Loads>::get", "<shop::Repo>"),
            (
                "<shop::Repo<u8> as shop::Loads<u16>>::get<u32>",
                "<shop::Repo<u8>><u16><u32>",
            ),
            (
                "shop::far::<impl shop::Loads<u16> for shop::Repo>::get",
                "<shop::Repo><u16>",
            ),
            (
                "<(A, <B as C>::D) as shop::Loads>::get",
                "<(A, <B as C>::D)>",
            ),
            (
                "<dyn for<'a> Fn(&'a u8) -> u8 as shop::Loads>::get",
                "<dyn for<'a> Fn(&'a u8) -> u8>",
            ),
            ("<[u8] as shop::Loads>::get", "<[u8]>"),
        ] {
            assert_eq!(type_arguments(path), kept, "{path}");
        }
    }
}
