//! Values without a function, for all processes of a namespace.
//!
//! A `set` is a write, and its place among all writes is that of its record in the log:
//!
//! 1. A record that names the value's key is appended. It stands at some position *p*, and from then on everything that was put
//!    before it is dead, in every tier of every process, by the rule that is everybody's.
//! 2. The value is shown, with the stamp *p*: in Redis, then in memory here.
//! 3. A record that names the answer under the address is appended: what cached functions made of the value that was there
//!    before, or of there being none, is dead. Then `set` returns.
//!
//! **Two processes** that put at the same time have records of two positions. The value of the earlier one is dead wherever
//! the later record has been applied, and the script that stores never puts it over the later one, whenever it arrives. In
//! **one process** the log may take two records together, at one position, by which neither value would be dead; so of all
//! values of a key that are being put only the last is shown ([`Putting::is_last`](crate::remote::Putting::is_last)), and the
//! others count as put a moment before it.
//!
//! **The second record** cannot be part of the first: between the two there is no value, and what somebody makes of that
//! has a stamp after the first. Nor can the value be shown before the first: it would need a stamp that is not known yet.
//!
//! **Many values** are put some hundreds at a time, so that each has the position of the one record that names it: between two
//! records of one put, what another process puts would be as valid.
//!
//! **A trip that fails**, or a `set` that is dropped, may have shown the value, or show it later. The record that is then
//! appended names its key, too: the value is dead wherever it turns up, and with it what was made of it.
//!
//! **Without Redis** the first record stays pending. The value is kept in this process, as old as that record: later than what
//! was there before, and earlier than what is said after it. When the log has the record, at a position after the value's
//! stamp, the value is dead here, too. So what was put while Redis was away is forgotten when it is back; two processes
//! cannot go on with a value each.
//!
//! **A server that loses records** kills values, and brings none back: who has seen the records says them again, later than
//! every value. A value whose own record is lost is dead for those who knew it.
//!
//! `remove` is one record, which names the address. What stands in Redis is dead by it, and leaves with its lifetime.

use std::any::TypeId;

use serde::de::DeserializeOwned;

use super::{VALUE, Values, key};
use crate::cache::{Cache, Content, Seat};
use crate::entry::{Class, Head};
use crate::position::Position;
use crate::schema;

mod looking;
mod putting;

impl Cache {
    /// The fingerprint of a type, which is taken once.
    fn schema_of<T: DeserializeOwned + 'static>(&self, seat: &Seat) -> u64 {
        let read_type = || Content {
            portable: true,
            measured: true,
            schema: Some(schema::fingerprint::<T>()),
            ambiguous: None,
        };
        let (_, content) = seat.instance(self, TypeId::of::<T>(), read_type);
        content.schema.map_or(0, |schema| schema.hash)
    }

    fn head(&self, seat: &Seat, address: &str, stamp: Position, began: u64) -> Head {
        let (instance, _) = seat.instance(self, TypeId::of::<Values>(), || Content {
            portable: true,
            measured: true,
            schema: None,
            ambiguous: None,
        });
        Head {
            instance,
            key: key(address),
            class: Class::Value,
            stamp,
            checked: 0,
            expires: 0,
            deps: Box::new([self.value_dep(VALUE, address)]),
            began,
            ordinal: 0,
            cost_ns: 0,
            of_late: false,
        }
    }
}
