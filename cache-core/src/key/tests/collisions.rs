//! Arguments that somebody makes up, who knows everything but the seeds.

use std::any::TypeId;
use std::collections::HashSet;

use serde::Serialize;

use super::super::names::Names;
use super::super::tag::{END, SEQ, STRUCT, TRUE, U64};
use super::Encoder;
use Node::{Flag, List, Number, Structure};

/// A tree that a caller gives a shape, as a query or a filter.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Node {
    Flag(bool),
    Number(u64),
    List(Vec<Node>),
    Structure { flags: Vec<Node>, last: u64 },
}

/// Twelve tags as they are mixed.
fn word(first: u8, second: u8, third: u8, last: u8) -> u64 {
    let flags = [TRUE; 8];
    let tags = [first, second, third]
        .into_iter()
        .chain(flags)
        .chain([last]);
    tags.fold(1, |word, tag| word << 5 | u64::from(tag))
}

/// The end of a structure brings a number that a list does not have: its names. So two nodes have equally many numbers whose tags fill
/// words in other places, and a number can be written as the word is that the other node has there.
#[test]
fn a_number_does_not_stand_for_tags() {
    let names = Names::of("Node").and("flags").and("last").bits();
    let block = |of_two: bool, first: u8| {
        if of_two {
            return Structure {
                flags: vec![Flag(true); 8],
                last: word(first, SEQ, U64, TRUE),
            };
        }
        let mut list = vec![Number(word(first, STRUCT, SEQ, END))];
        list.extend(vec![Flag(true); 9]);
        list.push(Number(names));
        List(list)
    };
    let mut hashes = HashSet::new();
    for choices in 0..1_024_u32 {
        let blocks = (0..10).flat_map(|at| {
            let first = if at == 0 { SEQ } else { TRUE };
            let block = block(choices >> at & 1 == 0, first);
            // To the next word.
            [vec![block], vec![Flag(true); 11]].concat()
        });
        let mut encoder = Encoder::new();
        encoder.add(&List(blocks.collect()));
        hashes.insert(encoder.mixed().hash(&TypeId::of::<Node>()));
    }
    assert_eq!(hashes.len(), 1_024);
}
