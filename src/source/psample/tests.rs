//! Frames of recorded and built samples; the source itself needs a kernel: tests/generic_sources.rs and tests/vm.

use super::*;
use crate::sample::frame::LinkType;

fn feed(group: u32, direction: Direction) -> Feed {
    Feed { group, direction, sequence: Sequence::default(), lost: 0 }
}

fn sample(number: u32) -> Sample<'static> {
    Sample {
        in_index: Some(3),
        out_index: Some(4),
        original_size: Some(1514),
        group: Some(1),
        sequence: Some(number),
        rate: Some(400),
        data: Some(&[2; 128]),
        protocol: Some(0x0800),
        ..Sample::default()
    }
}

#[test]
fn a_group_decides_whose_sample_it_is() {
    let arriving = feed(1, Direction::In).frame(&sample(0)).unwrap();
    let leaving = feed(2, Direction::Out).frame(&sample(0)).unwrap();
    assert_eq!((arriving.if_index, leaving.if_index), (3, 4));
    for frame in [arriving, leaving] {
        assert_eq!((frame.input, frame.output), (End::Interface(3), End::Interface(4)));
        assert_eq!((frame.one_in, frame.wire_len, frame.link), (400, 1514, LinkType::Ethernet));
    }
}

#[test]
fn a_packet_of_this_host_leaves_without_an_input() {
    for in_index in [None, Some(0)] {
        let frame = feed(2, Direction::Out).frame(&Sample { in_index, ..sample(0) }).unwrap();
        assert_eq!((frame.if_index, frame.input), (4, End::Unknown));
    }
}

#[test]
fn a_sample_that_cannot_be_used_is_none_and_its_losses_are_told_with_the_next() {
    let unusable = [
        Sample { in_index: None, ..sample(0) },
        Sample { in_index: Some(0), ..sample(0) },
        Sample { rate: Some(0), ..sample(0) },
        Sample { rate: None, ..sample(0) },
        Sample { data: None, ..sample(0) },
        Sample { data: Some(&[]), ..sample(0) },
        Sample { original_size: None, ..sample(0) },
    ];
    for sample_of in unusable {
        let mut feed = feed(1, Direction::In);
        feed.frame(&sample(10)).unwrap();
        assert_eq!(feed.frame(&Sample { sequence: Some(14), ..sample_of }), None);
        assert_eq!(feed.frame(&sample(16)).unwrap().lost, 4);
        assert_eq!(feed.frame(&sample(17)).unwrap().lost, 0);
    }
}
