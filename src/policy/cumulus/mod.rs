//! Cumulus Linux: files in `policy.d`, which `cl-acltool -i` brings to its tables and its hardware.
//!
//! In: what is wanted. Out: our files and one commit for all that changed. Rule: files of others are neither written nor
//! removed; a file is replaced by rename after it is on the disk, and a policy whose group has outgrown the hardware keeps
//! its former one; when a commit fails, what was last good is put back
//! and committed again, without the files that are to blame. Needs root: cl-acltool does. Spec: cl-acltool(8).

pub mod files;

use super::apply::{Failed, Runner};
use super::wanted::{Carrier, Outcome, Wanted};
use files::Unsaid;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Under the root of the file system.
const FOLDER: &str = "etc/cumulus/acl/policy.d";
const LEFTOVER: &str = ".hsflowd-policy.bld";
/// Bytes of a file that is read to see whose it is.
const MOST_BYTES: u64 = 4 << 20;

/// Texts by file name.
type Texts = BTreeMap<String, String>;

/// The files and their commit.
#[derive(Debug)]
pub struct Cumulus {
    runner: Runner,
    folder: PathBuf,
    /// What the last good commit had; `None` before the first one, which is made even if no file changes.
    good: Option<Texts>,
}

/// What is in the folder.
#[derive(Default)]
struct Found {
    ours: Texts,
    foreign: Vec<String>,
    leftovers: Vec<PathBuf>,
}

impl Cumulus {
    /// With the files under a root, which is `/` but in tests. The runner's deadline is to be 60 s, and its folders
    /// are to have cl-acltool's, `/usr/cumulus/bin`.
    pub fn new(runner: Runner, root: &Path) -> Self {
        Self { runner, folder: root.join(FOLDER), good: None }
    }

    /// Writes what changed, and commits it.
    pub async fn apply(&mut self, wanted: &Wanted, now: SystemTime) -> Outcome {
        let mut outcome = Outcome::default();
        let found = match self.on_disk(read).await {
            Ok(found) => found,
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && wanted.of(Carrier::Cumulus).next().is_none() =>
            {
                return outcome;
            }
            Err(error) => return Outcome { trouble: Some(self.about(&error)), ..outcome },
        };
        for path in &found.leftovers {
            // One that stays is not read by cl-acltool; the next apply tries again.
            let _ = fs::remove_file(path);
        }
        let mut desired = desired(wanted, now, &found, &mut outcome);
        // Files of a run before may have been written and not committed.
        if found.ours == desired && (self.good.as_ref() == Some(&desired) || desired.is_empty()) {
            self.good = Some(desired);
            return outcome;
        }
        let before = self.good.clone().unwrap_or_else(|| found.ours.clone());
        match self.commit(&found.ours, &desired).await {
            Ok(()) => {}
            Err(Trouble::Refused(why)) => {
                match self.without_guilty(&before, &desired, &why, &mut outcome).await {
                    Ok(rest) => desired = rest,
                    Err(trouble) => return self.back(&before, &trouble, outcome).await,
                }
            }
            Err(trouble) => return self.back(&before, &trouble, outcome).await,
        }
        outcome.steps += 1;
        self.good = Some(desired);
        outcome
    }

    /// Removes the files of these policies and nothing else, and commits that.
    pub async fn take_out(&self, over: &Wanted) -> (usize, Vec<String>) {
        let there = match read(&self.folder) {
            Ok(found) => found.ours,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
            Err(error) => return (0, vec![self.about(&error)]),
        };
        let mut rest = there.clone();
        over.of(Carrier::Cumulus).for_each(|policy| drop(rest.remove(&files::name(&policy.name))));
        if rest == there {
            return Default::default();
        }
        match self.commit(&there, &rest).await {
            Ok(()) => (1, Vec::new()),
            Err(why) => {
                // Or the next sweep would find nothing to commit.
                let back = write(&self.folder, &rest, &there).err().map(|error| self.about(&error));
                (0, [Some(why.to_string()), back].into_iter().flatten().collect())
            }
        }
    }

    /// Files that would be written or removed, each with its text.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn plan(&mut self, wanted: &Wanted, now: SystemTime) -> Result<Vec<String>, String> {
        let found = self.on_disk(read).await.map_err(|error| self.about(&error))?;
        let desired = desired(wanted, now, &found, &mut Outcome::default());
        let written = desired.iter().filter(|(name, text)| found.ours.get(*name) != Some(text));
        let removed = found.ours.keys().filter(|name| !desired.contains_key(*name));
        let texts = written.map(|(name, text)| format!("write {name}:\n{text}"));
        Ok(texts.chain(removed.map(|name| format!("remove {name}"))).collect())
    }

    /// Beside the task that calls: a disk may take seconds.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || work(&folder)).await?
    }

    async fn commit(&self, from: &Texts, to: &Texts) -> Result<(), Trouble> {
        let (from, to) = (from.clone(), to.clone());
        let written = self.on_disk(move |folder| write(folder, &from, &to)).await;
        written.map_err(|error| Trouble::Other(self.about(&error)))?;
        match self.runner.run("cl-acltool", &["-i"], "").await {
            Ok(_) => Ok(()),
            Err(why) if why.is_about_input() => Err(Trouble::Refused(why)),
            Err(why) => Err(Trouble::Other(why.to_string())),
        }
    }

    /// Takes files that changed up by halves, on top of what was good; those that fail alone are to blame. Where that
    /// is not good any more (a run before may have ended on a bad file), all are under suspicion.
    async fn without_guilty(
        &self,
        before: &Texts,
        desired: &Texts,
        why: &Failed,
        outcome: &mut Outcome,
    ) -> Result<Texts, Trouble> {
        let mut rest = before.clone();
        rest.retain(|name, text| desired.get(name) == Some(text));
        let mut disk = desired.clone();
        let mut is_good = self.is_good(&mut disk, &rest).await?;
        if !is_good && !rest.is_empty() {
            rest.clear();
            is_good = self.is_good(&mut disk, &rest).await?;
        }
        if !is_good {
            return Err(Trouble::Other(why.to_string()));
        }
        let suspects: Vec<_> = desired.iter().filter(|(name, _)| !rest.contains_key(*name)).collect();
        let mut open = vec![suspects.as_slice()];
        while let Some(part) = open.pop() {
            let mut more = rest.clone();
            more.extend(part.iter().map(|(name, text)| ((*name).clone(), (*text).clone())));
            match (self.step(&mut disk, &more).await, part) {
                (Ok(()), _) => rest = more,
                (Err(Trouble::Refused(why)), [(_, text)]) => {
                    outcome.faults.extend(files::owner(text).map(|name| (name, why.to_string())));
                }
                (Err(Trouble::Refused(_)), part) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    open.extend([second, first]);
                }
                (Err(other), _) => return Err(other),
            }
        }
        if disk != rest {
            self.step(&mut disk, &rest).await?;
        }
        Ok(rest)
    }

    async fn is_good(&self, disk: &mut Texts, to: &Texts) -> Result<bool, Trouble> {
        match self.step(disk, to).await {
            Ok(()) => Ok(true),
            Err(Trouble::Refused(_)) => Ok(false),
            Err(other) => Err(other),
        }
    }

    async fn step(&self, disk: &mut Texts, to: &Texts) -> Result<(), Trouble> {
        let done = self.commit(disk, to).await;
        disk.clone_from(to);
        done
    }

    async fn back(&self, before: &Texts, trouble: &Trouble, outcome: Outcome) -> Outcome {
        let now = self.on_disk(read).await.unwrap_or_default();
        let more = match self.commit(&now.ours, before).await {
            Ok(()) => String::new(),
            Err(again) => format!("; nor can the last good state be committed: {again}"),
        };
        Outcome { trouble: Some(format!("{trouble}{more}")), ..outcome }
    }

    fn about(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.folder.display())
    }
}

/// Why a commit is none.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// cl-acltool did not like something.
    #[error("{0}")]
    Refused(Failed),
    /// It did not come to that.
    #[error("{0}")]
    Other(String),
}

fn desired(wanted: &Wanted, now: SystemTime, found: &Found, outcome: &mut Outcome) -> Texts {
    let mut texts = Texts::new();
    for policy in wanted.of(Carrier::Cumulus).filter(|policy| !policy.expiry.is_over(now)) {
        let name = files::name(&policy.name);
        let why = if found.foreign.contains(&name) {
            format!("{name} is somebody else's file: another name would do")
        } else {
            match (files::text(policy, &wanted.members), found.ours.get(&name)) {
                (Ok(text), _) => {
                    texts.insert(name, text);
                    continue;
                }
                // Not to be in force at all would open what it cuts.
                (Err(why @ Unsaid::Addresses(_)), Some(before)) => {
                    texts.insert(name, before.clone());
                    format!("{why}: those of before stay in force")
                }
                (Err(why), _) => why.to_string(),
            }
        };
        outcome.faults.insert(policy.name.clone(), why);
    }
    texts
}

fn read(folder: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(LEFTOVER) {
            found.leftovers.push(entry.path());
        } else if name.starts_with("50rest-") {
            let is_small = entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MOST_BYTES);
            let text = if is_small { fs::read_to_string(entry.path()).ok() } else { None };
            let is_ours = |text: &String| files::owner(text).is_some_and(|owner| files::name(&owner) == name);
            match text.filter(is_ours) {
                Some(text) => {
                    found.ours.insert(name, text);
                }
                None => found.foreign.push(name),
            }
        }
    }
    Ok(found)
}

/// Writes what differs and removes what is no more; the folder is on the disk at the end.
fn write(folder: &Path, from: &Texts, to: &Texts) -> io::Result<()> {
    for (name, text) in to.iter().filter(|(name, text)| from.get(*name) != Some(text)) {
        let fresh = folder.join(format!("{name}{LEFTOVER}"));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(fresh, folder.join(name))?;
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::File::open(folder)?.sync_all()
}
