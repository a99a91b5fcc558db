//! Services as the cgroup tree shows them.
//!
//! In: the directories below `system.slice`. Out: services with processes. Rule: a slice is looked into, a service is not:
//! what is below it is its own affair.

use super::names;
use crate::collect::guests::cgroup::Hierarchies;

/// Slices in slices; real trees are three deep.
const DEEPEST: usize = 16;
/// Services of one host, at most.
pub(super) const MOST: usize = 20_000;
/// Directories that are looked at before others get their turn on the thread.
pub(super) const AT_ONCE: usize = 16;

/// All of them, unit and cgroup. `None` where there is no such tree.
pub(super) async fn services(hierarchies: &Hierarchies) -> Option<Vec<(String, String)>> {
    const TOP: &str = "/system.slice";
    if !hierarchies.at(TOP).exists() {
        return None;
    }
    let (mut slices, mut found, mut looked) = (vec![(TOP.to_owned(), 0)], Vec::new(), 0_usize);
    while let Some((slice, depth)) = slices.pop() {
        for child in hierarchies.at(&slice).children() {
            let (unit, path) = (names::of_directory(&child), format!("{slice}/{child}"));
            looked += 1;
            if looked.is_multiple_of(AT_ONCE) {
                tokio::task::yield_now().await;
            }
            if unit.ends_with(".slice") && depth < DEEPEST {
                slices.push((path, depth + 1));
            } else if found.len() < MOST && names::is_service(unit) && hierarchies.at(&path).has_processes() {
                found.push((unit.to_owned(), path));
            }
        }
    }
    Some(found)
}
