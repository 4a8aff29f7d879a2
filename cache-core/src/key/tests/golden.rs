//! The bytes of the format, fixed for every platform and release.
//!
//! A change here makes every entry in every remote tier unreachable, and a fleet in the middle of a deploy disagree.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::bytes;

#[derive(Serialize)]
struct Unit;
#[derive(Serialize)]
struct Newtype(u16);
#[derive(Serialize)]
struct Pair(u8, i8);
#[derive(Serialize)]
struct User {
    id: u64,
    name: &'static str,
}
#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f32),
    Line(u8, u8),
    Box { side: u16 },
}

fn line<T: Serialize + ?Sized>(name: &str, value: &T) -> String {
    let hex = bytes(value)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    format!("{name} {hex}\n")
}

#[test]
fn bytes_are_the_same_for_ever() {
    let lines = [
        line("bool", &(false, true)),
        line("signed", &(-1_i8, -2_i16, -3_i32, -4_i64, -5_i128)),
        line("unsigned", &(1_u8, 2_u16, 3_u32, 4_u64, 5_u128)),
        line("usize", &(6_usize, -7_isize)),
        line("floats", &(1.5_f32, -2.5_f64, -0.0_f32, -f64::NAN)),
        line("char", &'ß'),
        line("str", "grüße"),
        line("empty", ""),
        line("options", &(None::<u8>, Some(1_u8), Some(Some(())))),
        line("unit", &Unit),
        line("newtype", &Newtype(513)),
        line("pair", &Pair(1, -1)),
        line(
            "struct",
            &User {
                id: 42,
                name: "ada",
            },
        ),
        line(
            "variants",
            &(
                Shape::Point,
                Shape::Circle(0.5),
                Shape::Line(1, 2),
                Shape::Box { side: 3 },
            ),
        ),
        line("seq", &vec![1_u8, 2, 3]),
        line("map", &BTreeMap::from([("b", 1_u8), ("a", 2), ("", 3)])),
        line("set", &HashSet::from([300_u16, 2, 1])),
        line("words", &[(); 25]),
        line("most", &vec![false; 252]),
        line("many", &vec![true; 253]),
        line("more", &vec![true; 254]),
    ]
    .concat();
    assert_eq!(lines, include_str!("golden.txt"));
}

/// One line of the file, by hand.
#[test]
fn a_number_is_its_bytes_its_tag_and_a_count_of_one() {
    assert_eq!(bytes(&42_u64), [42, 0, 0, 0, 0, 0, 0, 0, 11, 1]);
    // 16 | 11 << 5 = 0b01011_10000
    assert_eq!(
        bytes(&("a", 1_u64)),
        [
            1,
            0,
            0,
            0,
            b'a',
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0b0001_1010,
            0b0010_1110,
            0,
            4
        ]
    );
}
