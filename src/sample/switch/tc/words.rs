//! What stands in the way of sampling by `tc`, and what samples, in words for people. In: the kernel's numbers and words. Out:
//! text that says what mends it, where somebody can.

use super::{By, Obstacle, Refusal, errno};
use std::fmt;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = &self.words {
            write!(f, "{words}: ")?;
        }
        write!(f, "{}", std::io::Error::from_raw_os_error(self.errno))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) if refusal.errno == errno::ENOENT => {
                write!(f, "the kernel lacks a module for it ({refusal}): modprobe sch_ingress cls_matchall act_sample")
            }
            Self::Refused(refusal) if refusal.errno == errno::EPERM => {
                write!(f, "CAP_NET_ADMIN is missing ({refusal})")
            }
            Self::Refused(refusal) => write!(f, "the kernel refuses: {refusal}"),
            Self::IngressQdisc => f.write_str(
                "an ingress qdisc that is not ours stands in the place of clsact: leaving packets cannot be sampled",
            ),
            Self::Full => f.write_str("filters of others have all preferences from 1 to 8"),
            Self::Contested => f.write_str("another program removes the filter whenever it is made; tried again later"),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware => f.write_str("in hardware"),
            Self::Both => f.write_str("in hardware and by the kernel"),
            Self::Kernel(None) => f.write_str("by the kernel"),
            Self::Kernel(Some(refusal)) if refusal.is_lasting() => {
                write!(f, "by the kernel: the port's driver cannot ({refusal})")
            }
            Self::Kernel(Some(refusal)) => {
                write!(f, "by the kernel: the port's hardware does not now ({refusal}), and is asked again")
            }
        }
    }
}
