use super::*;
use proptest::prelude::*;

fn all(file: &[u8]) -> Result<Vec<Packet<'_>>, PcapError> {
    packets(file)?.collect()
}

/// A classic file with one packet of `abc`, Ethernet, 1.5 s after 1970.
fn one_packet(word: fn(u32) -> [u8; 4], magic: u32, fraction: u32) -> Vec<u8> {
    let header = [magic, 0x0002_0004, 0, 0, 65535, 1];
    let mut file: Vec<u8> = header.into_iter().chain([1, fraction, 3, 60]).flat_map(word).collect();
    file.extend(b"abc");
    file
}

#[test]
fn classic_files_of_both_orders_and_units_are_read() {
    let expected = Packet { time: Duration::from_millis(1500), link_type: 1, bytes: b"abc" };
    for word in [u32::to_be_bytes, u32::to_le_bytes] {
        for (magic, fraction) in [(0xA1B2_C3D4, 500_000), (0xA1B2_3C4D, 500_000_000)] {
            assert_eq!(all(&one_packet(word, magic, fraction)), Ok(vec![expected]));
        }
    }
}

#[test]
fn a_cut_classic_file_is_an_error_with_the_offset_and_then_the_end() {
    let file = one_packet(u32::to_le_bytes, 0xA1B2_C3D4, 0);
    for end in 0..file.len() {
        let cut = all(&file[..end]);
        // A file that ends behind its header has no packets.
        assert_eq!(cut.is_ok(), end == 24, "cut at {end}: {cut:?}");
    }
    let mut cut = packets(&file[..file.len() - 1]).unwrap();
    assert_eq!(cut.next(), Some(Err(PcapError::Truncated { offset: 40, wanted: 3, left: 2 })));
    assert_eq!(cut.next(), None);
}

#[test]
fn another_format_is_named_by_its_first_word() {
    assert_eq!(all(b"\x7fELF...."), Err(PcapError::Magic(0x7F45_4C46)));
}

fn block(word: fn(u32) -> [u8; 4], kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(12 + body.len()).unwrap();
    [&word(kind)[..], &word(length), body, &word(length)].concat()
}

/// Section, two interfaces (the second in nanoseconds, 100 s later), a block to skip, and a packet of each.
fn ng_file(word: fn(u32) -> [u8; 4], half: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|&w| word(w)).collect::<Vec<u8>>();
    let section = words(&[0x1A2B_3C4D, 1, u32::MAX, u32::MAX]);
    let first = [&half(1)[..], &[0; 6]].concat();
    let offset = if word(1)[0] == 1 { [100, 0] } else { [0, 100] };
    let second = [
        &half(276)[..],
        &[0; 6],
        &half(9),
        &half(1),
        &[9, 0, 0, 0],
        &half(14),
        &half(8),
        &words(&offset),
        &[0; 4],
    ]
    .concat();
    let packet = |interface, units| [words(&[interface, 0, units, 3, 60]), b"abc\0".to_vec()].concat();
    [
        block(word, SECTION, &section),
        block(word, 1, &first),
        block(word, 1, &second),
        block(word, 5, &[0; 12]),
        block(word, 6, &packet(0, 1_500_000)),
        block(word, 6, &packet(1, 1_500_000_000)),
    ]
    .concat()
}

const SECTION: u32 = ng::SECTION;

#[test]
fn pcapng_packets_have_their_interfaces_link_type_and_unit() {
    for file in [ng_file(u32::to_be_bytes, u16::to_be_bytes), ng_file(u32::to_le_bytes, u16::to_le_bytes)] {
        let expected = [
            Packet { time: Duration::from_millis(1500), link_type: 1, bytes: b"abc" },
            Packet { time: Duration::from_millis(101_500), link_type: 276, bytes: b"abc" },
        ];
        assert_eq!(all(&file).unwrap(), expected);
    }
}

#[test]
fn a_pcapng_packet_of_an_undescribed_interface_is_an_error() {
    let file = ng_file(u32::to_le_bytes, u16::to_le_bytes);
    let (section, rest) = file.split_at(28);
    let without_interfaces = [section, &rest[20 + 44..]].concat();
    assert_eq!(all(&without_interfaces), Err(PcapError::Interface { offset: 52, interface: 0 }));
}

#[test]
fn a_cut_pcapng_file_is_an_error_except_between_blocks() {
    let file = ng_file(u32::to_be_bytes, u16::to_be_bytes);
    let mut ends = vec![0];
    while let Some(length) = file.get(ends.last().unwrap() + 4..) {
        let length = u32::from_be_bytes(length[..4].try_into().unwrap()) as usize;
        ends.push(ends.last().unwrap() + length);
    }
    assert_eq!(ends.len(), 7);
    for end in 1..=file.len() {
        assert_eq!(all(&file[..end]).is_ok(), ends.contains(&end), "cut at {end}");
    }
}

/// The same file in pieces, as `tcpdump` writes it into a pipe: the packets as text, and how it ends.
fn in_pieces(file: &[u8], piece: usize) -> (Vec<String>, Option<PcapError>) {
    let (mut found, mut paused, mut bytes) = (Vec::new(), None::<Pause>, Vec::new());
    let mut last = None;
    for more in file.chunks(piece) {
        bytes.extend(more);
        let mut read = match paused.take().map_or_else(|| packets(&bytes), |pause| Ok(pause.packets(&bytes)))
        {
            Ok(read) => read,
            Err(e) => {
                last = Some(e);
                continue;
            }
        };
        last = None;
        for packet in &mut read {
            match packet {
                Ok(packet) => found.push(format!("{packet:?}")),
                Err(e @ PcapError::Truncated { .. }) => last = Some(e),
                Err(e) => return (found, Some(e)),
            }
        }
        let (done, pause) = read.pause();
        bytes.drain(..done);
        paused = Some(pause);
    }
    (found, last)
}

#[test]
fn a_file_in_pieces_is_read_as_the_whole() {
    let files = [
        one_packet(u32::to_be_bytes, 0xA1B2_C3D4, 7),
        ng_file(u32::to_be_bytes, u16::to_be_bytes),
        ng_file(u32::to_le_bytes, u16::to_le_bytes),
    ];
    for file in files {
        for end in 4..=file.len() {
            let whole = packets(&file[..end]);
            let (mut expected, mut last) = (Vec::new(), whole.as_ref().err().copied());
            for packet in whole.into_iter().flatten() {
                match packet {
                    Ok(packet) => expected.push(format!("{packet:?}")),
                    Err(e) => last = Some(e),
                }
            }
            for piece in [1, 3, 50] {
                assert_eq!(
                    in_pieces(&file[..end], piece),
                    (expected.clone(), last),
                    "{end} in pieces of {piece}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_a_magic_end_without_a_panic(choice in 0usize..6, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let starts: [&[u8]; 6] = [
            &[0xA1, 0xB2, 0xC3, 0xD4], &[0x4D, 0x3C, 0xB2, 0xA1], &[0x0A, 0x0D, 0x0D, 0x0A],
            &ng_file(u32::to_be_bytes, u16::to_be_bytes), &ng_file(u32::to_le_bytes, u16::to_le_bytes), &[],
        ];
        let file = [starts[choice], &bytes].concat();
        if let Ok(packets) = packets(&file) {
            prop_assert!(packets.count() <= file.len());
        }
    }
}
