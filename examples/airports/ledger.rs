//! Finds stale answers: those older than a write that had returned before the question was asked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::data::Airport;

/// The airports that are renamed, each with when its writes returned. The nth write's name ends in `#n`.
#[derive(Debug)]
pub struct Ledger(HashMap<String, Slot>);

#[derive(Debug)]
struct Slot {
    original: String,
    /// One writer at a time.
    turn: tokio::sync::Mutex<()>,
    returned: Mutex<Vec<Instant>>,
}

impl Slot {
    fn returned(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// For these airports.
    pub fn new<'a>(airports: impl IntoIterator<Item = &'a Airport>) -> Self {
        let slot = |a: &Airport| Slot {
            original: a.name.clone(),
            turn: Default::default(),
            returned: Mutex::default(),
        };
        Self(
            airports
                .into_iter()
                .map(|airport| (airport.code.clone(), slot(airport)))
                .collect(),
        )
    }

    /// Writes an airport's next name.
    pub async fn write<T>(
        &self,
        code: &str,
        write: impl AsyncFnOnce(&str) -> anyhow::Result<T>,
    ) -> anyhow::Result<()> {
        let Some(slot) = self.0.get(code) else {
            return Ok(());
        };
        let _turn = slot.turn.lock().await;
        let name = format!("{} #{}", slot.original, slot.returned().len() + 1);
        write(&name).await?;
        slot.returned().push(Instant::now());
        Ok(())
    }

    /// Whether an answer to a question asked at `asked` shows a name that had been replaced by then. `None` for an
    /// airport that is not renamed.
    pub fn is_stale(&self, airport: &Airport, asked: Instant) -> Option<bool> {
        let slot = self.0.get(&airport.code)?;
        let shown = airport
            .name
            .rsplit_once(" #")
            .and_then(|(_, number)| number.parse().ok())
            .unwrap_or(0);
        Some(
            slot.returned()
                .get(shown)
                .is_some_and(|next| *next <= asked),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;
    use crate::data::Airport;
    use std::time::Instant;

    #[tokio::test]
    async fn an_answer_is_stale_if_its_name_had_been_replaced_before_the_question()
    -> anyhow::Result<()> {
        let mut shown = Airport::all()?.swap_remove(0);
        let ledger = Ledger::new([&shown]);
        let early = Instant::now();
        assert_eq!(ledger.is_stale(&shown, early), Some(false));
        ledger
            .write(&shown.code.clone(), async |name| {
                shown.name = name.to_owned();
                Ok(())
            })
            .await?;
        let late = Instant::now();
        assert_eq!(ledger.is_stale(&shown, late), Some(false));
        shown.name.truncate(shown.name.len() - " #1".len());
        assert_eq!(ledger.is_stale(&shown, late), Some(true));
        assert_eq!(
            ledger.is_stale(&shown, early),
            Some(false),
            "asked before the write had returned"
        );
        Ok(())
    }
}
