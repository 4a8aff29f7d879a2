//! What it costs to make a key of an argument list.
//!
//! `cargo bench -p cache-core --bench encoding`

#[path = "measure/arguments.rs"]
mod arguments;
#[path = "measure/random.rs"]
mod random;
#[path = "measure/rounds.rs"]
mod rounds;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use arguments::{PageArgs, draws, page_args, user_args};
use rounds::{Row, each, rounds};
use serde::Serialize;

const BASELINE: &str = "rmp-serde";
const ROUNDS: usize = 41;

static FOLDHASH: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);
static SIPHASH: LazyLock<RandomState> = LazyLock::new(RandomState::new);

thread_local! {
    // Reused, so that encodings are compared and not allocations.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The arguments as the tuple that a serializer sees.
type Tuple = (&'static str, u64, Option<u32>);

fn tuple(args: PageArgs) -> Tuple {
    (args.name, args.number, args.size)
}

/// The same as a struct, whose names are part of the key.
#[derive(Debug, Hash, Serialize)]
struct Page {
    name: &'static str,
    number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u32>,
}

fn page(args: PageArgs) -> Page {
    let (name, number, size) = tuple(args);
    Page { name, number, size }
}

fn rmp(value: &impl Serialize) -> usize {
    BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        // Into a vector, and of these types, it cannot fail; a failure would show as 0 bytes.
        let written = rmp_serde::encode::write(bytes, value);
        written.map_or(0, |()| bytes.len())
    })
}

fn debug(value: &impl std::fmt::Debug) -> usize {
    TEXT.with_borrow_mut(|text| {
        text.clear();
        write!(text, "{value:?}").map_or(0, |()| text.len())
    })
}

/// Bytes as long as the canonical encoding of the arguments (about 10 and 40).
fn bytes_like<const N: usize>(number: u64) -> [u8; N] {
    let mut bytes = [7; N];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Ours: into the stack buffer, and hashed as a hit does.
mod ours {
    use super::*;
    use cache_core::__private::bench;

    pub(crate) const USER: &[Row<u64>] = &[
        Row {
            name: "canonical bytes",
            run: |args| each(args, |id| bench::encode(&id)),
        },
        Row {
            name: "canonical bytes and their hash",
            run: |args| each(args, |id| bench::encode_and_hash(&id)),
        },
    ];
    pub(crate) const PAGE: &[Row<PageArgs>] = &[
        Row {
            name: "canonical bytes",
            run: |args| each(args, |args| bench::encode(&tuple(args))),
        },
        Row {
            name: "canonical bytes and their hash",
            run: |args| each(args, |args| bench::encode_and_hash(&tuple(args))),
        },
    ];
    pub(crate) const STRUCT: &[Row<PageArgs>] = &[
        Row {
            name: "canonical bytes",
            run: |args| each(args, |args| bench::encode(&page(args))),
        },
        Row {
            name: "canonical bytes and their hash",
            run: |args| each(args, |args| bench::encode_and_hash(&page(args))),
        },
    ];
}

const USER: &[Row<u64>] = &[
    Row {
        name: "typed, foldhash",
        run: |args| each(args, |id| FOLDHASH.hash_one(id)),
    },
    Row {
        name: "typed, SipHash",
        run: |args| each(args, |id| SIPHASH.hash_one(id)),
    },
    Row {
        name: BASELINE,
        run: |args| each(args, |id| rmp(&id)),
    },
    Row {
        name: "format!(\"{:?}\")",
        run: |args| each(args, |id| debug(&id)),
    },
    Row {
        name: "blake3 of as many bytes",
        run: |args| each(args, |id| blake3::hash(&bytes_like::<10>(id))),
    },
];

const PAGE: &[Row<PageArgs>] = &[
    Row {
        name: "typed, foldhash",
        run: |args| each(args, |args| FOLDHASH.hash_one(tuple(args))),
    },
    Row {
        name: "typed, SipHash",
        run: |args| each(args, |args| SIPHASH.hash_one(tuple(args))),
    },
    Row {
        name: BASELINE,
        run: |args| each(args, |args| rmp(&tuple(args))),
    },
    Row {
        name: "format!(\"{:?}\")",
        run: |args| each(args, |args| debug(&tuple(args))),
    },
    Row {
        name: "blake3 of as many bytes",
        run: |args| each(args, |args| blake3::hash(&bytes_like::<40>(args.number))),
    },
];

const STRUCT: &[Row<PageArgs>] = &[
    Row {
        name: "typed, foldhash",
        run: |args| each(args, |args| FOLDHASH.hash_one(page(args))),
    },
    Row {
        name: "typed, SipHash",
        run: |args| each(args, |args| SIPHASH.hash_one(page(args))),
    },
    Row {
        name: BASELINE,
        run: |args| each(args, |args| rmp(&page(args))),
    },
    Row {
        name: "format!(\"{:?}\")",
        run: |args| each(args, |args| debug(&page(args))),
    },
    Row {
        name: "blake3 of as many bytes",
        run: |args| each(args, |args| blake3::hash(&bytes_like::<40>(args.number))),
    },
];

fn main() {
    let users: Vec<_> = draws().map(user_args).collect();
    let pages: Vec<_> = draws().map(page_args).collect();
    let user_rows: Vec<_> = USER.iter().chain(ours::USER).copied().collect();
    let page_rows: Vec<_> = PAGE.iter().chain(ours::PAGE).copied().collect();
    let struct_rows: Vec<_> = STRUCT.iter().chain(ours::STRUCT).copied().collect();
    let user = rounds(&user_rows, BASELINE, &vec![&*users; ROUNDS], 1);
    let page = rounds(&page_rows, BASELINE, &vec![&*pages; ROUNDS], 1);
    let page_struct = rounds(&struct_rows, BASELINE, &vec![&*pages; ROUNDS], 1);

    println!("\n## A key from arguments: ns (ratio to `{BASELINE}`)\n");
    println!("| | user | page | page as a struct |\n| --- | --: | --: | --: |");
    let measured = user.iter().zip(&page).zip(&page_struct);
    for (row, ((user, page), page_struct)) in user_rows.iter().zip(measured) {
        println!(
            "| {} | {:.1} ({:.2}) | {:.1} ({:.2}) | {:.1} ({:.2}) |",
            row.name, user.ns, user.ratio, page.ns, page.ratio, page_struct.ns, page_struct.ratio
        );
    }
}
