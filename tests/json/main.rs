//! JSON messages of applications, from their bytes to the bytes of the samples that tell them: what known clients send
//! (`clients`), every structure against its documented layout (`layouts`), and many messages that nobody would send (`laws`).
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed unwrap is a failed test

mod clients;
mod laws;
mod layouts;

#[path = "../fuzz/json.rs"]
mod law;

use hsflow::sample::application::message::{Message, Reader};

/// A message that has no fault.
fn accepted(message: &str) -> Message<'_> {
    Reader::default().parse(message.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {message}"))
}

/// What the message's datagram has behind its header.
fn samples(message: &str) -> Vec<u8> {
    law::law(message.as_bytes());
    law::datagram(&accepted(message)).split_off(28)
}

/// Bytes of hexadecimal words between which anything else may stand.
fn hex(words: &str) -> Vec<u8> {
    let digits: Vec<_> = words.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}
