//! Counter records, one specification group per file, and the table of their tags.

pub mod app;
pub mod hardware;
pub mod host;
pub mod interface;
pub mod jvm;
pub mod media;
pub mod memcache;
pub mod port;
pub mod virt;

use super::record::record_table;
// Every struct of these files stands in the table.
use app::*;
use hardware::*;
use host::*;
use interface::*;
use jvm::*;
use media::*;
use memcache::*;
use port::*;
use virt::*;

record_table! {
    /// One record of a counters sample.
    pub enum CounterRecord {
        GenericInterface = 0:1,
        Ethernet = 0:2,
        TokenRing = 0:3,
        BaseVg = 0:4,
        Vlan = 0:5,
        Wifi = 0:6,
        LacpPort = 0:7,
        Sfp = 0:10,
        Pfc = 0:11,
        Processor = 0:1001,
        RadioUtilization = 0:1002,
        OpenflowPort = 0:1004,
        PortName<'_> = 0:1005,
        HostId = 0:2000,
        Adaptors = 0:2001,
        HostParent = 0:2002,
        HostCpu = 0:2003,
        HostMemory = 0:2004,
        HostDiskIo = 0:2005,
        HostNetIo = 0:2006,
        HostIp = 0:2007,
        HostIcmp = 0:2008,
        HostTcp = 0:2009,
        HostUdp = 0:2010,
        VirtNode = 0:2100,
        VirtCpu = 0:2101,
        VirtMemory = 0:2102,
        VirtDiskIo = 0:2103,
        VirtNetIo = 0:2104,
        JvmRuntime = 0:2105,
        JmxStatistics = 0:2106,
        MemcacheOld = 0:2200,
        HttpCounters = 0:2201,
        AppOperations<'_> = 0:2202,
        AppResources = 0:2203,
        Memcache = 0:2204,
        Vdi = 0:2205,
        AppWorkers = 0:2206,
        OvsDatapath = 0:2207,
        BcmTables = 4413:3,
        Gpu = 5703:1,
    }
}
