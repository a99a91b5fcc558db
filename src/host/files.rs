//! Files of people: what they wrote, read, and what is written for them. In: a path. Out: all that a regular file holds; a file
//! that has the new text, or is as it was. Rules: nothing is waited for, whatever stands under the name; nothing is read
//! that could fill memory; nobody ever finds a half.

use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// No file that people write is this long.
const MOST_BYTES: u64 = 4 << 20;

/// For reading.
///
/// # Errors
/// It is not there, not permitted, or no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    // A pipe would keep who opens it waiting for its other end.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// All of it.
///
/// # Errors
/// As of [`open`], or it is too long.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("longer than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Makes it this text, with the folder that it lies in; false where it is so already.
///
/// # Errors
/// The folder cannot be had, or not be written to.
pub fn put(path: &Path, text: &str) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Another end of the name: who reads all files of one end must not read a half.
    let half = path.with_extension("new");
    let written = fs::write(&half, text).and_then(|()| fs::rename(&half, path));
    if written.is_err() {
        // The first failure counts.
        let _ = fs::remove_file(&half);
    }
    written.map(|()| true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("hsflow-files-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_no_file_of_people_is_refused_at_once() {
        let folder = Folder::new("read");
        let why = |path: &Path| read(path).unwrap_err().to_string();
        assert_eq!(why(&folder.0), "not a regular file");
        let file = folder.0.join("file");
        assert_eq!(read(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(why(&file), "not a regular file");
        fs::remove_file(&file).unwrap();
        fs::File::create(&file).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert_eq!(why(&file), "longer than 4194304 bytes");
        fs::write(&file, "text").unwrap();
        assert_eq!(read(&file).unwrap(), b"text");
    }

    #[test]
    fn a_file_is_written_where_it_is_not_so_already_and_nothing_else_is_left() {
        let folder = Folder::new("put");
        let file = folder.0.join("unit.d/a.conf");
        assert!(put(&file, "one").unwrap() && !put(&file, "one").unwrap() && put(&file, "two").unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.0.join("unit.d")).unwrap().count(), 1);
        assert!(put(&file.join("below a file"), "").is_err());
    }
}
