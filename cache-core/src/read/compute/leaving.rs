//! A call of which a modifier wants no value.

use super::{Driver, Stage};
use crate::modifiers::blocking;
use crate::scope;
use crate::sync::Arc;

impl Driver {
    /// Polled although a modifier has what it wanted: somebody in between blocks on this call, or it has been kept for
    /// later.
    pub(super) fn leave(&mut self) -> Stage {
        let around = scope::current().and_then(|scope| scope.modifier.clone());
        match (around, &self.ticket.modifier) {
            (Some(around), Some(own)) if Arc::ptr_eq(&around, own) => {
                if blocking::CAN_LEAVE {
                    blocking::leave();
                }
                // For nothing.
                self.compute(None, false)
            }
            _ => {
                self.ticket.modifier = None;
                Stage::Begin
            }
        }
    }

    /// A modifier has what it wanted.
    pub(in crate::read) fn left(&self) -> Stage {
        if let Some(modifier) = &self.ticket.modifier {
            let target = match &self.ticket.broken {
                None => Ok(&self.target),
                Some(why) => Err(why.as_str()),
            };
            modifier.leave(&self.ticket.cache, Some(target));
        }
        Stage::Left
    }
}
