//! Flow records, one specification group per file, and the table of their tags.

pub mod app;
pub mod forwarding;
pub mod kernel;
pub mod mpls;
pub mod packet;
pub mod socket;
pub mod tunnel;
pub mod wireless;

use super::record::record_table;
// Every struct of these files stands in the table.
use app::*;
use forwarding::*;
use kernel::*;
use mpls::*;
use packet::*;
use socket::*;
use tunnel::*;
use wireless::*;

record_table! {
    /// One record of a flow sample or of a discarded-packet sample.
    pub enum FlowRecord {
        SampledHeader<'_> = 0:1,
        SampledEthernet = 0:2,
        SampledIpv4 = 0:3,
        SampledIpv6 = 0:4,
        ExtendedSwitch = 0:1001,
        ExtendedRouter = 0:1002,
        ExtendedGateway = 0:1003,
        ExtendedUser<'_> = 0:1004,
        ExtendedUrl<'_> = 0:1005,
        ExtendedMpls = 0:1006,
        ExtendedNat = 0:1007,
        ExtendedMplsTunnel<'_> = 0:1008,
        ExtendedMplsVc<'_> = 0:1009,
        ExtendedMplsFtn<'_> = 0:1010,
        ExtendedMplsLdpFec = 0:1011,
        ExtendedVlanTunnel = 0:1012,
        Extended80211Payload<'_> = 0:1013,
        Extended80211Rx<'_> = 0:1014,
        Extended80211Tx<'_> = 0:1015,
        ExtendedNatPort = 0:1020,
        L2TunnelEgress = 0:1021,
        L2TunnelIngress = 0:1022,
        Ipv4TunnelEgress = 0:1023,
        Ipv4TunnelIngress = 0:1024,
        Ipv6TunnelEgress = 0:1025,
        Ipv6TunnelIngress = 0:1026,
        DecapsulateEgress = 0:1027,
        DecapsulateIngress = 0:1028,
        VniEgress = 0:1029,
        VniIngress = 0:1030,
        EgressQueue = 0:1036,
        Function<'_> = 0:1038,
        TransitDelay = 0:1039,
        QueueDepth = 0:1040,
        HwTrap<'_> = 0:1041,
        LinuxDropReason<'_> = 0:1042,
        Timestamp = 0:1043,
        SocketIpv4 = 0:2100,
        SocketIpv6 = 0:2101,
        ProxySocketIpv4 = 0:2102,
        ProxySocketIpv6 = 0:2103,
        MemcacheOperation<'_> = 0:2200,
        HttpRequestOld<'_> = 0:2201,
        AppOperation<'_> = 0:2202,
        AppParentContext<'_> = 0:2203,
        AppInitiator<'_> = 0:2204,
        AppTarget<'_> = 0:2205,
        HttpRequest<'_> = 0:2206,
        TcpInfo = 0:2209,
        Entities = 0:2210,
    }
}
