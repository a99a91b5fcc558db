//! What only the XML of a domain tells: the MACs of its interfaces and which of its disks are read-only.
//!
//! In: libvirt's description. Out: a [`Description`], kept until the domain changes. Rules: what is outside
//! `domain/devices` does not matter, nor where a disk's data lie; an interface without a MAC is passed over, the others
//! count. Spec: libvirt's "Domain XML format".

use super::Vnic;
use std::collections::BTreeSet;

/// Bytes of XML that are read; descriptions are a few kilobytes.
const LIMIT: usize = 4 << 20;

/// What the XML of a domain tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Its interfaces.
    pub vnics: Vec<Vnic>,
    /// Its disks that it cannot write, by the name that it sees, such as `sda`.
    pub read_only: BTreeSet<String>,
}

/// Why an XML tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// It is not well-formed.
    #[error("its XML: {0}")]
    Syntax(#[from] roxmltree::Error),
    /// It describes something else.
    #[error("its XML describes a <{0}>, not a <domain>")]
    NotADomain(String),
    /// It is longer than is read.
    #[error("its XML has {0} bytes, more than {LIMIT}")]
    TooLong(usize),
}

impl Description {
    /// Reads it.
    pub fn parse(xml: &str) -> Result<Self, DescriptionError> {
        if xml.len() > LIMIT {
            return Err(DescriptionError::TooLong(xml.len()));
        }
        let document = roxmltree::Document::parse(xml)?;
        let domain = document.root_element();
        if domain.tag_name().name() != "domain" {
            return Err(DescriptionError::NotADomain(domain.tag_name().name().to_owned()));
        }
        let mut description = Self::default();
        for device in children(domain, "devices").flat_map(|devices| devices.children()) {
            match device.tag_name().name() {
                "interface" => description.vnics.extend(vnic(device)),
                "disk" if children(device, "readonly").next().is_some() => {
                    description.read_only.extend(attribute(device, "target", "dev").map(str::to_owned));
                }
                _ => {}
            }
        }
        Ok(description)
    }
}

fn vnic(interface: roxmltree::Node) -> Option<Vnic> {
    let tap = attribute(interface, "target", "dev").map(str::to_owned);
    Some(Vnic { tap, mac: parse_mac(attribute(interface, "mac", "address")?)? })
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = text.split(':');
    let mut mac = [0; 6];
    for byte in &mut mac {
        let digits = bytes.next().filter(|digits| (1..=2).contains(&digits.len()))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    bytes.next().is_none().then_some(mac)
}

fn children<'a, 'i>(
    node: roxmltree::Node<'a, 'i>,
    name: &'a str,
) -> impl Iterator<Item = roxmltree::Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn attribute<'a>(node: roxmltree::Node<'a, '_>, child: &'a str, name: &'a str) -> Option<&'a str> {
    children(node, child).find_map(|child| child.attribute(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_read_only_disks_are_found_whatever_their_source() {
        let xml = r#"<domain type='kvm' id='3'><name>a</name><devices>
            <disk type='block' device='disk'><source dev='/dev/vg/a'/><target dev='vda' bus='virtio'/></disk>
            <disk type='network' device='disk'><source protocol='rbd' name='p/i'/><target dev='vdb'/></disk>
            <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
            <interface type='bridge'><mac address='52:54:00:AB:cd:01'/><target dev='vnet7'/></interface>
            <interface type='hostdev'><mac address='52:54:00:ab:cd:02'/></interface>
            <interface type='bridge'><target dev='vnet8'/></interface>
            <interface type='bridge'><mac address='52:54:00:ab:cd'/><target dev='vnet9'/></interface>
            <interface type='bridge'><mac address='+1:54:00:ab:cd:02:03'/></interface>
            </devices><metadata><devices><interface><mac address='1:2:3:4:5:6'/></interface></devices></metadata></domain>"#;
        let description = Description::parse(xml).unwrap();
        let vnic = |tap: Option<&str>, last| Vnic {
            tap: tap.map(str::to_owned),
            mac: [0x52, 0x54, 0, 0xab, 0xcd, last],
        };
        assert_eq!(description.vnics, [vnic(Some("vnet7"), 1), vnic(None, 2)]);
        assert_eq!(description.read_only.into_iter().collect::<Vec<_>>(), ["sda"]);
    }

    #[test]
    fn what_is_not_a_domain_is_refused_with_its_place() {
        let told = |xml: &str| Description::parse(xml).unwrap_err().to_string();
        assert!(
            told("<domain><devices></domain>").contains("at 1:"),
            "{}",
            told("<domain><devices></domain>")
        );
        assert!(told("<network/>").contains("<network>"));
        assert!(told(&" ".repeat(LIMIT + 1)).contains("more than"));
        assert!(matches!(
            Description::parse("<!DOCTYPE d [<!ENTITY a 'b'>]><domain>&a;</domain>"),
            Err(DescriptionError::Syntax(_))
        ));
        let deep = "<a>".repeat(200_000);
        assert!(matches!(Description::parse(&deep), Err(DescriptionError::Syntax(_))));
    }
}
