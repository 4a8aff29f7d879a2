//! Which elements of a batch can go on: each has a bell of its own for those that it waits for, so that no turn asks all of them.

use std::task::{Wake, Waker};

use crate::sync::{Arc, Mutex, lock};

/// The bells of a batch.
pub(super) struct Bells(Mutex<Rung>);

struct Rung {
    members: Vec<usize>,
    /// Who waits for any of them. Only for as long as he does: the batch may be part of his task.
    caller: Option<Waker>,
}

/// The bell of one element.
struct Bell {
    bells: Arc<Bells>,
    member: usize,
}

impl Bells {
    /// So many, all of which have been rung.
    pub(super) fn rung(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Rung {
            members: (0..count).collect(),
            caller: None,
        })))
    }

    pub(super) fn bell(self: &Arc<Self>, member: usize) -> Waker {
        let bells = Arc::clone(self);
        Waker::from(Arc::new(Bell { bells, member }))
    }

    /// The elements whose bells have been rung since, in their order.
    pub(super) fn take(&self) -> Vec<usize> {
        let mut rung = lock(&self.0);
        let mut members = std::mem::take(&mut rung.members);
        let caller = rung.caller.take();
        drop(rung);
        drop(caller); // it may be the last owner of a task
        members.sort_unstable();
        members.dedup();
        members
    }

    /// This caller is woken by the next bell, or at once if it has been rung.
    pub(super) fn wait(&self, caller: &Waker) {
        let caller = caller.clone();
        let mut rung = lock(&self.0);
        if rung.members.is_empty() {
            let old = rung.caller.replace(caller);
            drop(rung);
            drop(old);
        } else {
            drop(rung);
            caller.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut rung = lock(&self.bells.0);
        rung.members.push(self.member);
        let caller = rung.caller.take();
        drop(rung); // a waker may run its task at once
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}
