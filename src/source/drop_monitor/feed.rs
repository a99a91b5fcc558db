//! The kernel's switch of drop reports: one for all of the host, that whoever may can turn on and off.
//!
//! In: which reports are wanted, and whether a feed that runs may be taken over. Out: which of them were started here, and
//! must be stopped here. Rule: settings can be made only while nothing runs; what runs already and may not be taken over
//! is listened to as it is. Needs `CAP_NET_ADMIN` of the host for each step but for asking what was lost.
//! Spec: `linux/net_dropmon.h`.

use crate::source::control::Control;
use crate::sys::SysError;
use crate::wire::netlink::drop_monitor::{FAMILY, Sources, configure, get_lost, lost, start, stop};

/// Bytes of a packet to report.
const CUT: u32 = 128;
/// Packets that each processor may have waiting to be reported.
const QUEUE: u32 = 1000;
/// The kernel runs a feed already.
const BUSY: i32 = libc::EBUSY;
/// A feed is in the asked state already.
const ALREADY: i32 = libc::EAGAIN;

const SOFTWARE: Sources = Sources { software: true, hardware: false };
const HARDWARE: Sources = Sources { software: false, hardware: true };

/// What was started here.
#[derive(Debug, Default)]
pub(super) struct Feed {
    software: bool,
    hardware: bool,
}

impl Feed {
    /// Starts what is wanted; with `force`, stops it first where it runs.
    ///
    /// # Errors
    /// The first refusal; what could be started runs nevertheless.
    pub(super) fn start(
        &mut self,
        control: &mut Control,
        family: u16,
        wanted: Sources,
        force: bool,
    ) -> Result<(), SysError> {
        let each = [(SOFTWARE, wanted.software), (HARDWARE, wanted.hardware)];
        let each = each.into_iter().filter(|(_, wanted)| *wanted).map(|(sources, _)| sources);
        let mut configured = set(control, family);
        if force && configured.as_ref().is_err_and(|error| error.errno == BUSY) {
            for sources in each.clone() {
                // It may be the other one that runs.
                let _ = switch(control, "NET_DM_CMD_STOP", |b, s| stop(b, family, s, sources));
            }
            configured = set(control, family);
        }
        let mut result = configured.or_else(|error| if error.errno == BUSY { Ok(()) } else { Err(error) });
        for sources in each {
            match switch(control, "NET_DM_CMD_START", |b, s| start(b, family, s, sources)) {
                Ok(()) => {
                    self.software |= sources.software;
                    self.hardware |= sources.hardware;
                }
                Err(error) if error.errno == ALREADY => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Stops what was started here.
    pub(super) fn stop(&mut self, control: &mut Control, family: u16) {
        let Self { software, hardware } = std::mem::take(self);
        if software || hardware {
            let sources = Sources { software, hardware };
            if let Err(error) = switch(control, "NET_DM_CMD_STOP", |b, s| stop(b, family, s, sources)) {
                log::warn!(target: "dropmon", "the kernel's drop monitor was not stopped: {error}");
            }
        }
    }
}

/// Packets of these sources that the kernel could not report, since its module was loaded.
pub(super) fn read_lost(control: &mut Control, family: u16, of: Sources) -> Result<u64, SysError> {
    let mut total = 0;
    control.ask(
        ("NET_DM_CMD_STATS_GET", &FAMILY),
        |request, sequence| get_lost(request, family, sequence),
        |payload| {
            if let Ok(Some([software, hardware])) = lost(payload) {
                total = u64::from(of.software) * software + u64::from(of.hardware) * hardware;
            }
        },
    )?;
    Ok(total)
}

fn set(control: &mut Control, family: u16) -> Result<(), SysError> {
    switch(control, "NET_DM_CMD_CONFIG", |request, sequence| configure(request, family, sequence, CUT, QUEUE))
}

fn switch(
    control: &mut Control,
    command: &'static str,
    write: impl FnOnce(&mut Vec<u8>, u32),
) -> Result<(), SysError> {
    control.ask((command, &FAMILY), write, |_| {})
}
