use super::*;
use crate::view::alerts::Line;
use crate::view::flows::{FlowRow, Rate};
use crate::view::guests::{GuestRow, Kind};
use crate::view::interfaces::InterfaceRow;
use crate::view::picture::HostLine;
use crate::view::trail::Trail;
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::net::{IpAddr, Ipv4Addr};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn picture() -> Picture {
    let guest = |index, kind, cpu: f64| GuestRow {
        index,
        name: format!("guest-{index}-äöü-一二三"),
        kind,
        cpu: Some(cpu),
        cpu_share: Some(cpu),
        interfaces: vec![2, 3],
        ..GuestRow::default()
    };
    let interface = |index| InterfaceRow {
        index,
        name: format!("eth{index}"),
        in_bits: Some(5e6),
        ..InterfaceRow::default()
    };
    let flow = FlowRow {
        source: "[2001:db8::1]:443".to_owned(),
        destination: "[2001:db8::2]:50000".to_owned(),
        protocol: "tcp".to_owned(),
        sampled: (0, 2),
        guests: (100_000, 0),
        bits: Rate { value: 8e6, low: 1e6, high: 9e6 },
        ..FlowRow::default()
    };
    let agent = AgentPicture {
        address: ADDRESS,
        time: 5.0,
        silent_secs: 0,
        is_silent: false,
        polling: Some(20.0),
        datagrams: 9,
        lost: 1,
        packet_samples: 3,
        lost_samples: 0,
        unseen_drops: 0,
        left_out: 0,
        host: crate::view::host::HostRow { name: "node".to_owned(), cpu: Some(95.0), ..Default::default() },
        trail: Trail::new(1),
        interfaces: (1..60).map(interface).collect(),
        guests: (0..40)
            .map(|n| guest(100_000 + n, [Kind::Vm, Kind::Service][n as usize % 2], f64::from(n)))
            .collect(),
        applications: Vec::new(),
        flows: vec![flow],
        drops: Vec::new(),
    };
    let alert =
        Line { number: 1, unix: 5, agent: ADDRESS, begun: true, text: "high: node: host.cpu".to_owned() };
    Picture { hosts: vec![line()], shown: Some(agent), alerts: vec![alert], current: 1, ..Picture::default() }
}

fn line() -> HostLine {
    HostLine {
        address: ADDRESS,
        name: "node".to_owned(),
        cpu: Some(1.0),
        load: None,
        memory: None,
        in_bits: None,
        out_bits: None,
        drops: None,
        interfaces: 1,
        guests: 2,
        alerts: 1,
        silent_secs: 70,
        is_silent: true,
    }
}

fn drawn(width: u16, height: u16, picture: &Picture, ui: &mut Ui, has_colours: bool) -> Vec<String> {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let limits = Limits::default();
    draw(&mut buffer, area, &Scene { picture, limits: &limits, away: None }, ui, has_colours);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
    (0..height).map(line).collect()
}

fn press(ui: &mut Ui, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            'V' => KeyCode::Down,
            'A' => KeyCode::Up,
            'E' => KeyCode::End,
            'P' => KeyCode::PageDown,
            'T' => KeyCode::Tab,
            'B' => KeyCode::Backspace,
            other => KeyCode::Char(other),
        };
        ui.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_size_and_any_keys_draw_something(
        sizes in prop::collection::vec((0_u16..230, 0_u16..60), 1..6),
        keys in prop::collection::vec("[1-7<>rpTVAEPB/?h\nx\u{1b}]{0,8}", 1..6),
        is_many in any::<bool>(),
        has_rows in any::<bool>(),
    ) {
        let picture = if has_rows { picture() } else { Picture::default() };
        let mut ui = Ui::new(is_many);
        for ((width, height), keys) in sizes.iter().zip(&keys) {
            press(&mut ui, keys);
            let lines = drawn(*width, *height, &picture, &mut ui, has_rows);
            prop_assert_eq!(lines.len(), usize::from(*height));
        }
        drawn(1, 1, &picture, &mut ui, false);
    }
}

#[test]
fn the_selected_row_stays_selected_and_is_in_sight() {
    let (picture, mut ui) = (picture(), Ui::new(false));
    press(&mut ui, "2E");
    let lines = drawn(80, 24, &picture, &mut ui, true);
    assert!(lines[22].starts_with("eth59"), "{lines:#?}");
    press(&mut ui, "<<<");
    let lines = drawn(80, 24, &picture, &mut ui, true);
    assert!(lines[22].starts_with("eth59") && lines[5].contains("INTERFACE^"), "{lines:#?}");
    press(&mut ui, "r");
    let lines = drawn(80, 24, &picture, &mut ui, true);
    assert!(lines[6].starts_with("eth59"), "{lines:#?}");
}

#[test]
fn enter_looks_into_a_guest_and_escape_comes_back() {
    let (picture, mut ui) = (picture(), Ui::new(false));
    press(&mut ui, "3V\n");
    drawn(80, 24, &picture, &mut ui, true);
    let inside = drawn(80, 24, &picture, &mut ui, true).join("\n");
    assert!(
        inside.contains("vm guest-100036") && inside.contains("host's interfaces  eth2 eth3"),
        "{inside}"
    );
    press(&mut ui, "\u{1b}");
    assert!(drawn(80, 24, &picture, &mut ui, true).join("\n").contains("GUEST "));
    press(&mut ui, "/100012\n");
    let found = drawn(140, 24, &picture, &mut ui, true).join("\n");
    assert!(found.contains("guest-100012") && !found.contains("guest-100014"), "{found}");
}

#[test]
fn what_is_high_is_told_without_colours_too() {
    let (picture, mut ui) = (picture(), Ui::new(false));
    let area = Rect::new(0, 0, 80, 24);
    let limits = Limits::default();
    for has_colours in [true, false] {
        let mut buffer = Buffer::empty(area);
        draw(
            &mut buffer,
            area,
            &Scene { picture: &picture, limits: &limits, away: None },
            &mut ui,
            has_colours,
        );
        let cell = &buffer[(5, 1)];
        assert_eq!(cell.symbol(), "9", "of 95.0 %");
        let is_coloured = buffer.content().iter().any(|cell| cell.fg != ratatui::style::Color::Reset);
        assert_eq!(is_coloured, has_colours);
        assert!(cell.modifier.contains(ratatui::style::Modifier::BOLD));
    }
}

#[test]
fn heights_are_shared_as_they_are_needed() {
    assert_eq!(shares(10, &[2, 20, 20]), [2, 4, 4]);
    assert_eq!(shares(10, &[2, 3]), [2, 3]);
    assert_eq!(shares(0, &[2]), [0]);
}
