//! Flow records of label switching: sFlow v5 section 5.4.2 (extended MPLS, 1006 and 1008–1011).

use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;
use std::net::IpAddr;

xdr_structs! {
    /// `0:1006` label stacks.
    #[derive(Eq)]
    pub struct ExtendedMpls {
        pub next_hop: IpAddr,
        pub in_stack: Vec<u32>,
        pub out_stack: Vec<u32>,
    }

    /// `0:1008` label switched path.
    #[derive(Default, Eq)]
    pub struct ExtendedMplsTunnel<'a> {
        pub lsp_name: Cow<'a, str>,
        pub tunnel_id: u32,
        pub tunnel_cos: u32,
    }

    /// `0:1009` virtual circuit.
    #[derive(Default, Eq)]
    pub struct ExtendedMplsVc<'a> {
        pub instance_name: Cow<'a, str>,
        pub vll_vc_id: u32,
        pub label_cos: u32,
    }

    /// `0:1010` forwarding equivalence class.
    #[derive(Default, Eq)]
    pub struct ExtendedMplsFtn<'a> {
        pub descr: Cow<'a, str>,
        pub mask: u32,
    }

    /// `0:1011` LDP forwarding equivalence class, 4 bytes.
    #[derive(Default, Eq)]
    pub struct ExtendedMplsLdpFec {
        pub addr_prefix_length: u32,
    }
}
