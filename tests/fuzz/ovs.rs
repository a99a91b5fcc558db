//! The stream of Open vSwitch's data base: messages, tables, and what is planned from them.

use hsflow::sample::switch::ovs::frames::Frames;
use hsflow::sample::switch::ovs::message::{Answer, Message, outcome, parse};
use hsflow::sample::switch::ovs::{Holding, Record, Tables, holdings, plan};

const LIMIT: usize = 4096;

/// Messages lie in the stream one behind the other however it is cut; no plan touches a bridge or a record of another's.
pub(crate) fn law(data: &[u8]) {
    let messages = cut(data, data.len().max(1));
    assert_eq!(cut(data, 3), messages);
    let mut tables = Tables::default();
    for text in &messages {
        assert!(text.len() <= LIMIT && data.windows(text.len()).any(|part| part == text));
        match parse(text) {
            Ok(Message::Update(rows) | Message::Answer(_, Answer::Result(rows))) => tables.apply(&rows),
            Ok(Message::Answer(_, answer)) => _ = outcome(&answer),
            _ => {}
        }
    }
    assert!(tables.odd.values().all(|odd| !odd.contains('\n')));
    let wanted = Record { targets: ["192.0.2.1:6343".to_owned()].into(), ..Record::default() };
    for wanted in [None, Some(&wanted)] {
        for operation in plan(&tables, wanted).iter().filter(|operation| operation["op"] == "update") {
            let uuid = operation["where"][0][2][1].as_str().expect("an id");
            let is_foreign = |holding| matches!(holding, Holding::Foreign(_));
            match operation["table"].as_str() {
                Some("Bridge") => {
                    let (.., holding) =
                        holdings(&tables).find(|(id, ..)| *id == uuid).expect("one that there is");
                    assert!(!is_foreign(holding));
                }
                Some("sFlow") => assert!(tables.records[uuid].ours),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn cut(data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut frames, mut found) = (Frames::new(LIMIT), Vec::new());
    for piece in data.chunks(size) {
        frames.buffer().extend_from_slice(piece);
        while let Ok(Some(text)) = frames.next_message() {
            found.push(text);
        }
    }
    found
}
