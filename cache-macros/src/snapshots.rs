//! Expansions as they are read. `UPDATE_EXPECT=1 cargo test -p cache-macros` writes them anew.

use expect_test::Expect;

use crate::attribute;
use crate::diag::Diag;
use crate::preset::Macro;

mod cached;
mod invalidation;
mod put;

#[track_caller]
fn check(by: Macro, options: &str, item: &str, expected: Expect) {
    let mut diag = Diag::default();
    let args = attribute::arguments(by, options.parse().unwrap(), &mut diag);
    let expanded = attribute::transform(by, args, item.parse().unwrap(), &mut diag);
    assert_eq!(diag.listed(), [""; 0]);
    // Everything comes from one module, whose path would be most of the text.
    let text = prettyplease::unparse(&syn::parse2(expanded.unwrap()).unwrap());
    expected.assert_eq(&text.replace("::cache_core::__private::", "§"));
}
