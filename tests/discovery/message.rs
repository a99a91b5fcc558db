//! DNS messages by hand (RFC 1035 section 4), so that what is tested is not read by the code that wrote it.

pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const NS: u16 = 2;
pub(crate) const TXT: u16 = 16;
pub(crate) const SRV: u16 = 33;

/// A question as it came.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) tcp: bool,
    /// Name, type and class on the wire.
    wire: Vec<u8>,
}

impl Question {
    pub(crate) fn parse(message: &[u8], tcp: bool) -> Option<Self> {
        let id = u16::from_be_bytes(message.get(..2)?.try_into().ok()?);
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8(message.get(at..at + length)?.to_vec()).ok()?);
            at += length;
        }
        let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
        let wire = message.get(12..at + 4)?.to_vec();
        Some(Self { id, name: labels.join("."), kind, tcp, wire })
    }

    /// An answer without an error.
    pub(crate) fn answer(&self) -> Reply {
        Reply {
            question: self.clone(),
            code: 0,
            truncated: false,
            answers: Vec::new(),
            authority: Vec::new(),
        }
    }

    /// An answer with a response code.
    pub(crate) fn code(&self, code: u8) -> Reply {
        Reply { code, ..self.answer() }
    }
}

/// An answer to be.
pub(crate) struct Reply {
    question: Question,
    code: u8,
    truncated: bool,
    answers: Vec<Vec<u8>>,
    authority: Vec<Vec<u8>>,
}

impl Reply {
    pub(crate) fn record(mut self, name: &str, kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.answers.push(record(name, kind, ttl, data));
        self
    }

    /// An SRV record of the name asked for.
    pub(crate) fn srv(self, ttl: u32, priority: u16, port: u16, target: &str) -> Self {
        let mut data = [priority, 0, port].map(u16::to_be_bytes).concat();
        data.extend(name(target));
        let owner = self.question.name.clone();
        self.record(&owner, SRV, ttl, &data)
    }

    /// One TXT record of the name asked for.
    pub(crate) fn txt(self, ttl: u32, strings: &[&[u8]]) -> Self {
        let data = strings.iter().flat_map(|s| [&[u8::try_from(s.len()).unwrap()], *s].concat());
        let (owner, data) = (self.question.name.clone(), data.collect::<Vec<_>>());
        self.record(&owner, TXT, ttl, &data)
    }

    pub(crate) fn authority(mut self, owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.authority.push(record(owner, kind, ttl, data));
        self
    }

    pub(crate) fn truncated(mut self) -> Self {
        self.truncated = true;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let flags = 0x8180 | u16::from(self.truncated) << 9 | u16::from(self.code);
        let counts = [1, self.answers.len(), self.authority.len(), 0].map(|n| u16::try_from(n).unwrap());
        let mut bytes = [self.question.id, flags].map(u16::to_be_bytes).concat();
        bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes.extend(&self.question.wire);
        bytes.extend(self.answers.iter().chain(&self.authority).flatten());
        bytes
    }
}

pub(crate) fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = name(owner);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

/// The data of an SOA record with this minimum.
pub(crate) fn soa(minimum: u32) -> Vec<u8> {
    let numbers = [1, 2, 3, 4, minimum].map(u32::to_be_bytes).concat();
    [name("ns.example.org"), name("admin.example.org"), numbers].concat()
}
