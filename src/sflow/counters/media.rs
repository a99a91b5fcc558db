//! Counter records of older media: token ring, 100BASE-VG, 802.11. sFlow v5 section 5.4, sFlow 802.11 Structures.
//!
//! The agent does not send them; the decoder reads what switches and access points send.

use crate::sflow::xdr::xdr_structs;

xdr_structs! {
    /// `0:3` token ring (dot5Stats), 72 bytes.
    #[derive(Default, Eq)]
    pub struct TokenRing {
        pub line_errors: u32,
        pub burst_errors: u32,
        pub ac_errors: u32,
        pub abort_trans_errors: u32,
        pub internal_errors: u32,
        pub lost_frame_errors: u32,
        pub receive_congestions: u32,
        pub frame_copied_errors: u32,
        pub token_errors: u32,
        pub soft_errors: u32,
        pub hard_errors: u32,
        pub signal_loss: u32,
        pub transmit_beacons: u32,
        pub recoverys: u32,
        pub lobe_wires: u32,
        pub removes: u32,
        pub singles: u32,
        pub freq_errors: u32,
    }

    /// `0:4` 100BASE-VG (dot12Stats), 80 bytes.
    #[derive(Default, Eq)]
    pub struct BaseVg {
        pub in_high_priority_frames: u32,
        pub in_high_priority_octets: u64,
        pub in_norm_priority_frames: u32,
        pub in_norm_priority_octets: u64,
        pub in_ipm_errors: u32,
        pub in_oversize_frame_errors: u32,
        pub in_data_errors: u32,
        pub in_null_addressed_frames: u32,
        pub out_high_priority_frames: u32,
        pub out_high_priority_octets: u64,
        pub transition_into_trainings: u32,
        pub hc_in_high_priority_octets: u64,
        pub hc_in_norm_priority_octets: u64,
        pub hc_out_high_priority_octets: u64,
    }

    /// `0:6` 802.11 (dot11), 80 bytes.
    #[derive(Default, Eq)]
    pub struct Wifi {
        pub transmitted_fragments: u32,
        pub multicast_transmitted_frames: u32,
        pub failures: u32,
        pub retries: u32,
        pub multiple_retries: u32,
        pub frame_duplicates: u32,
        pub rts_successes: u32,
        pub rts_failures: u32,
        pub ack_failures: u32,
        pub received_fragments: u32,
        pub multicast_received_frames: u32,
        pub fcs_errors: u32,
        pub transmitted_frames: u32,
        pub wep_undecryptables: u32,
        pub qos_discarded_fragments: u32,
        pub associated_stations: u32,
        pub qos_cf_polls_received: u32,
        pub qos_cf_polls_unused: u32,
        pub qos_cf_polls_unusable: u32,
        pub qos_cf_polls_lost: u32,
    }
}
