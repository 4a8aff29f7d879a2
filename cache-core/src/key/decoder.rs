//! The encoding read backwards: that this can be written is the proof that different events give different bytes.

use super::tag;
use super::tail;

/// How deep a value may be. What reads it calls itself for each level: bytes of a recursive type would exhaust the stack.
const MAX_DEPTH: usize = 128;

/// The events of one value. Names are hashes, of structs with those of their fields; floats their bits, maps in the order of their keys' bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Events {
    /// Tags without payload.
    Plain(u8),
    /// Scalars: the tag and the payload's bits.
    Scalar(u8, u128),
    /// Strings and bytes.
    Framed(u8, Vec<u8>),
    Some(Box<Events>),
    UnitStruct(u64),
    UnitVariant(Variant),
    NewtypeStruct(u64, Box<Events>),
    NewtypeVariant(Variant, Box<Events>),
    Seq(Vec<Events>),
    Tuple(Vec<Events>),
    TupleStruct(u64, Vec<Events>),
    TupleVariant(Variant, Vec<Events>),
    Map(Vec<(Events, Events)>),
    Struct(Vec<Events>, u64),
    StructVariant(u32, Vec<Events>, u64),
}

/// Index, names.
pub(super) type Variant = (u32, u64);

/// The events of every argument in `bytes`, or `None` where no encoder wrote them, and where they are too deep. Takes no more memory than
/// some hundred times the bytes' own.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Events>> {
    decode_within(bytes, MAX_DEPTH)
}

fn decode_within(bytes: &[u8], deeper: usize) -> Option<Vec<Events>> {
    let parts = tail::split(bytes);
    let mut reader = Reader {
        values: parts.values,
        tags: parts.each_tag().collect::<Vec<_>>().into_iter(),
        deeper,
    };
    let mut arguments = Vec::new();
    while let Some(tag) = reader.tags.next() {
        arguments.push(reader.value(tag)?);
    }
    reader.values.is_empty().then_some(arguments)
}

struct Reader<'a> {
    values: &'a [u8],
    tags: std::vec::IntoIter<u8>,
    /// So many levels are left.
    deeper: usize,
}

impl Reader<'_> {
    fn value(&mut self, tag: u8) -> Option<Events> {
        self.deeper = self.deeper.checked_sub(1)?;
        let events = self.events(tag);
        self.deeper += 1;
        events
    }

    fn events(&mut self, tag: u8) -> Option<Events> {
        Some(match tag {
            tag::FALSE | tag::TRUE | tag::NONE | tag::UNIT => Events::Plain(tag),
            tag::I8 | tag::U8 => Events::Scalar(tag, self.bits(1)?),
            tag::I16 | tag::U16 => Events::Scalar(tag, self.bits(2)?),
            tag::I32 | tag::U32 | tag::F32 | tag::CHAR => Events::Scalar(tag, self.bits(4)?),
            tag::I64 | tag::U64 | tag::F64 => Events::Scalar(tag, self.bits(8)?),
            tag::I128 | tag::U128 => Events::Scalar(tag, self.bits(16)?),
            tag::STR | tag::BYTES => Events::Framed(tag, self.framed()?.to_vec()),
            tag::SOME => Events::Some(self.next()?),
            tag::UNIT_STRUCT => Events::UnitStruct(self.u64()?),
            tag::UNIT_VARIANT => Events::UnitVariant(self.variant()?),
            tag::NEWTYPE_STRUCT => Events::NewtypeStruct(self.u64()?, self.next()?),
            tag::NEWTYPE_VARIANT => Events::NewtypeVariant(self.variant()?, self.next()?),
            tag::SEQ => Events::Seq(self.list()?),
            tag::TUPLE => Events::Tuple(self.list()?),
            tag::TUPLE_STRUCT => Events::TupleStruct(self.u64()?, self.list()?),
            tag::TUPLE_VARIANT => Events::TupleVariant(self.variant()?, self.list()?),
            tag::MAP => {
                let entries = self.u32()?;
                Events::Map(
                    (0..entries)
                        .map(|_| Some((self.nested()?, self.nested()?)))
                        .collect::<Option<_>>()?,
                )
            }
            tag::STRUCT => Events::Struct(self.list()?, self.u64()?),
            tag::STRUCT_VARIANT => Events::StructVariant(self.u32()?, self.list()?, self.u64()?),
            _ => return None,
        })
    }

    fn next(&mut self) -> Option<Box<Events>> {
        let tag = self.tags.next()?;
        self.value(tag).map(Box::new)
    }

    fn list(&mut self) -> Option<Vec<Events>> {
        let mut list = Vec::new();
        loop {
            match self.tags.next()? {
                tag::END => return Some(list),
                tag => list.push(self.value(tag)?),
            }
        }
    }

    fn nested(&mut self) -> Option<Events> {
        let deeper = self.deeper;
        let mut values = decode_within(self.framed()?, deeper)?;
        values.pop().filter(|_| values.is_empty())
    }

    fn variant(&mut self) -> Option<Variant> {
        Some((self.u32()?, self.u64()?))
    }

    fn framed(&mut self) -> Option<&[u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bits(4).map(|bits| bits as u32)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bits(8).map(|bits| bits as u64)
    }

    fn bits(&mut self, width: usize) -> Option<u128> {
        Some(
            self.take(width)?
                .iter()
                .rev()
                .fold(0, |bits, byte| bits << 8 | u128::from(*byte)),
        )
    }

    fn take(&mut self, len: usize) -> Option<&[u8]> {
        let (taken, rest) = self.values.split_at_checked(len)?;
        self.values = rest;
        Some(taken)
    }
}
