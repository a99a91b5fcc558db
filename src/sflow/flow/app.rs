//! Flow records of application transactions: sFlow Application Structures 2202–2205, HTTP 2201 and 2206, memcached 2200,
//! user and URL of sFlow v5 section 5.4.2. Durations in microseconds.

use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;

xdr_structs! {
    /// `0:1004` users.
    #[derive(Default, Eq)]
    pub struct ExtendedUser<'a> {
        /// MIBEnum.
        pub src_charset: u32,
        pub src_user: Cow<'a, str>,
        /// MIBEnum.
        pub dst_charset: u32,
        pub dst_user: Cow<'a, str>,
    }

    /// `0:1005` the URL.
    #[derive(Default, Eq)]
    pub struct ExtendedUrl<'a> {
        /// 1 the source is the server, 2 the destination is.
        pub direction: u32,
        pub url: Cow<'a, str>,
        pub host: Cow<'a, str>,
    }

    /// `0:2200` a memcached operation.
    #[derive(Default, Eq)]
    pub struct MemcacheOperation<'a> {
        pub protocol: u32,
        pub command: u32,
        pub key: Cow<'a, str>,
        pub nkeys: u32,
        pub value_bytes: u32,
        pub duration: u32,
        pub status: u32,
    }

    /// `0:2201` an HTTP request, the withdrawn layout.
    #[derive(Default, Eq)]
    pub struct HttpRequestOld<'a> {
        pub method: u32,
        pub protocol: u32,
        pub uri: Cow<'a, str>,
        pub host: Cow<'a, str>,
        pub referer: Cow<'a, str>,
        pub useragent: Cow<'a, str>,
        pub authuser: Cow<'a, str>,
        pub mime_type: Cow<'a, str>,
        pub bytes: u64,
        pub duration: u32,
        pub status: u32,
    }

    /// `0:2202` an operation.
    #[derive(Default, Eq)]
    pub struct AppOperation<'a> {
        /// At most 32 bytes.
        pub application: Cow<'a, str>,
        /// At most 32 bytes.
        pub operation: Cow<'a, str>,
        /// `name=value&…`, at most 255 bytes.
        pub attributes: Cow<'a, str>,
        /// At most 32 bytes.
        pub status_descr: Cow<'a, str>,
        pub req_bytes: u64,
        pub resp_bytes: u64,
        pub duration: u32,
        /// 0 success, 1 other, 2 timeout … 10 unauthorized.
        pub status: u32,
    }

    /// `0:2203` the operation that caused this one.
    #[derive(Default, Eq)]
    pub struct AppParentContext<'a> {
        /// At most 32 bytes.
        pub application: Cow<'a, str>,
        /// At most 32 bytes.
        pub operation: Cow<'a, str>,
        /// At most 255 bytes.
        pub attributes: Cow<'a, str>,
    }

    /// `0:2204` who asked.
    #[derive(Default, Eq)]
    pub struct AppInitiator<'a> {
        /// At most 64 bytes.
        pub actor: Cow<'a, str>,
    }

    /// `0:2205` who was asked.
    #[derive(Default, Eq)]
    pub struct AppTarget<'a> {
        /// At most 64 bytes.
        pub actor: Cow<'a, str>,
    }

    /// `0:2206` an HTTP request.
    #[derive(Default, Eq)]
    pub struct HttpRequest<'a> {
        pub method: u32,
        /// 1.1 is 1001.
        pub protocol: u32,
        pub uri: Cow<'a, str>,
        pub host: Cow<'a, str>,
        pub referer: Cow<'a, str>,
        pub useragent: Cow<'a, str>,
        pub xff: Cow<'a, str>,
        pub authuser: Cow<'a, str>,
        pub mime_type: Cow<'a, str>,
        pub req_bytes: u64,
        pub resp_bytes: u64,
        pub duration: u32,
        pub status: u32,
    }
}
