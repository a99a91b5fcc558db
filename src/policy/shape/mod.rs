//! Shaping and redirection by `tc`.
//!
//! `plan` tells from policies what each device is to have, and by which lines of `tc -batch` it gets there; `observed`
//! reads what it has; `made` tells which devices are missing for it; `classifier` tries what the kernel finds packets
//! by; `place` brings one namespace there; [`Traffic`] is the back end. Rule: only what is marked as ours is ever
//! changed. Marks: root qdiscs have the handles `5f00:` to `5f02:`; filters on ingress have preferences from
//! 0x5f00 (24320) to 0x5fff, on egress from 0x5e00 to 0x5eff, from the middle on where the clsact under them is ours too; an intermediate device (IFB) is `hsfp-`
//! with the number of the device it shapes for, the end of a pair into a namespace `hsfn-` with eight digits, and the
//! ifalias of both begins with `hsflowd-policy`. So what is left of a crash is known again. A root qdisc of others is
//! never touched; the kernel's default one (handle `0:`) is replaced, and the kernel puts it back at removal. Spec:
//! tc(8), tc-htb(8), tc-tbf(8), tc-u32(8), tc-flower(8).

mod classifier;
mod made;
pub mod observed;
mod place;
pub mod plan;
mod traffic;

pub use traffic::Traffic;

const IFB: &str = "hsfp-";
const END: &str = "hsfn-";
const ALIAS: &str = "hsflowd-policy";
