//! Losses and garbage, message by message.

use super::*;
use crate::sample::frame::Frame;

fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(4 + value.len()).unwrap(), 0, kind, 0];
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(body: &[u8]) -> Vec<u8> {
    let kind: u16 = 4 << 8;
    let length = u32::try_from(16 + body.len()).unwrap();
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
}

/// A packet with this number that came in by interface 7.
fn packet(number: u32) -> Vec<u8> {
    let attributes = [attribute(4, &[0, 0, 0, 7]), attribute(12, &number.to_be_bytes())].concat();
    message(&[&[2, 0, 0, 5][..], &attributes].concat())
}

fn reader(skip: u32) -> Messages {
    let one_in = |n| NonZeroU32::new(n).unwrap();
    Messages::new(one_in(10), Skip::new(one_in(skip), 3), 128)
}

/// What was lost before each sample.
fn losses(messages: &mut Messages, numbers: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut lost = Vec::new();
    for number in numbers {
        messages.read(&packet(number), &mut |frame: &Frame<'_>| lost.push(frame.lost));
    }
    lost
}

#[test]
fn a_gap_in_the_numbers_is_a_loss_before_the_next_sample() {
    let mut messages = reader(1);
    assert_eq!(losses(&mut messages, [2, 3, 10, 11]), [2, 0, 6, 0]);
    messages.restart();
    assert_eq!(losses(&mut messages, [0, 1]), [0, 0]);
}

#[test]
fn numbers_wrap() {
    let mut messages = reader(1);
    losses(&mut messages, [u32::MAX >> 1, u32::MAX - 2]);
    assert_eq!(losses(&mut messages, [u32::MAX - 1, u32::MAX, 0, 3]), [0, 0, 0, 2]);
}

#[test]
fn a_number_that_goes_back_is_no_loss_of_four_billion() {
    assert_eq!(losses(&mut reader(1), [0, 1, 0, 1, 2]), [0; 5]);
}

#[test]
fn what_is_stepped_over_is_not_lost() {
    let mut messages = reader(7);
    let lost = losses(&mut messages, 0..7000);
    assert!((800..1200).contains(&lost.len()), "{}", lost.len());
    assert!(lost.iter().all(|lost| *lost == 0));
}

#[test]
fn losses_count_as_samples_after_the_choice_made_here() {
    let mut messages = reader(7);
    // Of each ten, three never came.
    let numbers = (0..70_000).filter(|number| number % 10 < 7);
    let told: u32 = losses(&mut messages, numbers).iter().sum();
    assert!((2998..=3000).contains(&told), "{told}");
}

#[test]
fn a_sample_stands_for_the_rule_and_the_choice() {
    let mut rates = Vec::new();
    let mut messages = reader(2);
    let batch: Vec<u8> = (0..20).flat_map(packet).collect();
    let frames = messages.read(&batch, &mut |frame: &Frame<'_>| rates.push(frame.one_in));
    assert_eq!((frames, rates.iter().all(|rate| *rate == 20)), (rates.len(), true));
    assert!((1..20).contains(&frames));
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_of_the_batch_is_not_lost() {
    let mut messages = reader(1);
    let mut frames = 0;
    let bad = message(&[2, 0, 0, 5, 9, 0, 4, 0]);
    let nowhere = message(&[&[2, 0, 0, 5][..], &attribute(12, &[0, 0, 0, 2])].concat());
    let batch = [packet(0), bad, nowhere, packet(3), vec![1, 2, 3]].concat();
    messages.read(&batch, &mut |frame: &Frame<'_>| {
        frames += 1;
        assert_eq!(frame.lost, 0);
    });
    assert_eq!((frames, messages.take_malformed(), messages.take_malformed()), (2, 3, 0));
    messages.malformed(usize::MAX);
    messages.malformed(1);
    assert_eq!(messages.take_malformed(), u32::MAX);
}
