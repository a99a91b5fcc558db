//! `sampling.KEY` and `polling.KEY` as they are named one after the other, in a file or by DNS. In: keys in the order in which
//! they stand. Out: one rate for each KEY, the most recently introduced first, as the C agent keeps them.

use super::model::KeyedRate;
use std::collections::HashMap;

/// Rates that are being gathered.
#[derive(Default)]
pub(super) struct KeyedRates {
    rates: Vec<KeyedRate>,
    places: HashMap<String, usize>,
}

impl KeyedRates {
    /// The key is `sampling.KEY` or, else, `polling.KEY`.
    pub(super) fn set(&mut self, is_sampling: bool, key: &str, number: u32) {
        let place = *self.places.entry(key.to_owned()).or_insert_with(|| {
            self.rates.push(KeyedRate { key: key.to_owned(), sampling: None, polling: None });
            self.rates.len() - 1
        });
        let Some(rate) = self.rates.get_mut(place) else { return };
        *(if is_sampling { &mut rate.sampling } else { &mut rate.polling }) = Some(number);
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Vec<KeyedRate> {
        self.rates.reverse();
        self.rates
    }
}
