//! How the agent ends, as numbers that a service manager can act on: sysexits(3). The unit does not restart after
//! 77 and 78, which only an operator can mend.

use std::process::ExitCode;

/// Exit status of `hsflowd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Asked to end, and ended.
    Ok = 0,
    /// The command line cannot be understood.
    Usage = 64,
    /// Something the agent cannot do without is missing.
    Unavailable = 69,
    /// A fault of the program, or its memory limit.
    Software = 70,
    /// Not permitted.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_sysexits() {
        let all =
            [Exit::Ok, Exit::Usage, Exit::Unavailable, Exit::Software, Exit::NoPermission, Exit::Config];
        assert_eq!(all.map(|e| e as u8), [0, 64, 69, 70, 77, 78]);
    }
}
