//! Which remarks reach the log.
//!
//! In: the remarks of each answer, the time. Out: those that are news. Rules: a remark is said once as long as it is made
//! of every answer, and not again within ten minutes when it comes and goes; no more than thirty lines in ten minutes,
//! whatever DNS says.

use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(600);
const MOST: usize = 30;

/// What was said.
#[derive(Debug, Default)]
pub struct Remarks {
    standing: Vec<String>,
    /// Said since `since`.
    recent: Vec<String>,
    since: Duration,
}

impl Remarks {
    /// What to say of these remarks; `now` is the time since any fixed moment.
    pub fn news(&mut self, remarks: &[String], now: Duration) -> Vec<String> {
        if now.saturating_sub(self.since) >= WINDOW {
            (self.since, self.recent) = (now, Vec::new());
        }
        let mut news = Vec::new();
        for remark in remarks {
            if self.recent.len() > MOST || self.standing.contains(remark) || self.recent.contains(remark) {
                continue;
            }
            let last = self.recent.len() == MOST;
            self.recent.push(remark.clone());
            news.push(if last {
                "further remarks on DNS-SD are left out for some minutes".into()
            } else {
                remark.clone()
            });
        }
        self.standing = remarks.to_vec();
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_remark_is_said_once_while_it_stands() {
        let mut remarks = Remarks::default();
        let a = ["a".to_owned()];
        assert_eq!(remarks.news(&a, secs(0)), a);
        assert!((1..200).all(|round| remarks.news(&a, secs(round * 60)).is_empty()));
    }

    #[test]
    fn one_that_comes_and_goes_is_said_once_in_ten_minutes() {
        let mut remarks = Remarks::default();
        let a = ["a".to_owned()];
        let said = (0..60).map(|round| {
            let now: &[String] = if round % 2 == 0 { &a } else { &[] };
            remarks.news(now, secs(round * 20)).len()
        });
        assert_eq!(said.sum::<usize>(), 2, "in twenty minutes");
    }

    #[test]
    fn ever_new_remarks_do_not_flood_the_log() {
        let mut remarks = Remarks::default();
        let said = (0..60).map(|round| {
            let many: Vec<_> = (0..17).map(|i| format!("{round} {i}")).collect();
            remarks.news(&many, secs(round * 10)).len()
        });
        assert_eq!(said.sum::<usize>(), 31);
        assert_eq!(remarks.news(&["new".into()], secs(1200)), ["new"]);
    }
}
