//! The last points of some values, for charts. In: a time and values. Out: rows `[seconds, value, …]`, `null` where one is not
//! known. Rule: the oldest goes when there is no room.

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;
use std::time::Duration;

/// Points of `N` values.
#[derive(Clone, Debug, PartialEq)]
pub struct Trail<const N: usize> {
    points: VecDeque<(f64, [Option<f32>; N])>,
    most: usize,
}

impl<const N: usize> Trail<N> {
    /// Room for so many.
    pub fn new(most: usize) -> Self {
        Self { points: VecDeque::new(), most }
    }

    /// Adds one.
    #[allow(clippy::cast_possible_truncation)] // a chart needs no more digits
    pub fn push(&mut self, time: Duration, values: [Option<f64>; N]) {
        while self.points.len() >= self.most.max(1) {
            self.points.pop_front();
        }
        self.points.push_back((time.as_secs_f64(), values.map(|value| value.map(|value| value as f32))));
    }

    /// The values of one column, the oldest first.
    pub fn column(&self, at: usize) -> impl Iterator<Item = Option<f32>> {
        self.points.iter().map(move |(_, values)| values.get(at).copied().flatten())
    }
}

impl<const N: usize> Serialize for Trail<N> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut rows = out.serialize_seq(Some(self.points.len()))?;
        for (time, values) in &self.points {
            let row: Vec<_> =
                std::iter::once(Some(*time)).chain(values.iter().map(|v| v.map(f64::from))).collect();
            rows.serialize_element(&row)?;
        }
        rows.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_points_go_and_what_is_unknown_is_null() {
        let mut trail = Trail::new(2);
        for second in 1..=3_u32 {
            trail.push(Duration::from_secs(second.into()), [Some(f64::from(second)), None]);
        }
        assert_eq!(serde_json::to_string(&trail).unwrap(), "[[2.0,2.0,null],[3.0,3.0,null]]");
        assert_eq!(trail.column(0).collect::<Vec<_>>(), [Some(2.0), Some(3.0)]);
    }
}
