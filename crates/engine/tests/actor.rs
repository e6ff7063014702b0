//! The actor: order, cancel, unload, and exactly one answer to everything.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::VecDeque;

use common::*;
use engine::actor::{self, Command, Event, Port};
use engine::{Prompt, Request};
use kernels::Sampling;

/// Commands arrive when the actor has emitted so many events.
struct Script {
    commands: VecDeque<(usize, Command)>,
    events: Vec<Event>,
}

impl Port for Script {
    async fn next(&mut self) -> Option<Command> {
        self.commands.pop_front().map(|entry| entry.1)
    }

    fn try_next(&mut self) -> Option<Command> {
        let due = self.commands.front().is_some_and(|entry| entry.0 <= self.events.len());
        if due { self.commands.pop_front().map(|entry| entry.1) } else { None }
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }
}

fn run(commands: Vec<(usize, Command)>) -> Vec<Event> {
    let mut port = Script { commands: commands.into(), events: Vec::new() };
    block_on(actor::run(Fake::default().session(64), &mut port));
    port.events
}

fn command(id: u64, max_tokens: usize) -> Command {
    let prompt = Prompt::Tokens((40..60).collect());
    let sampling = Sampling::default();
    let request = Request { sampling, max_tokens: Some(max_tokens), ..Request::new(prompt) };
    Command::Generate { id, request }
}

/// `Done` events as `(id, reason)`, in order.
fn done(events: &[Event]) -> Vec<(u64, &'static str)> {
    let done = |event: &Event| match event {
        Event::Done { id, summary } => Some((*id, summary.finish_reason.unwrap().name())),
        _ => None,
    };
    events.iter().filter_map(done).collect()
}

#[test]
fn a_generation_tells_its_story_in_order() {
    let events = run(vec![(0, command(7, 3))]);
    let story: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Started { id: 7, prompt_tokens: 20, reused_tokens: 0, .. } => "started",
            Event::Progress { id: 7, .. } => "progress",
            Event::Piece { id: 7, ids, .. } if ids.len() <= 1 => "piece",
            Event::Done { id: 7, .. } => "done",
            Event::Unloaded => "unloaded",
            other => panic!("{other:?}"),
        })
        .filter(|name| *name != "piece")
        .collect();
    assert_eq!(story, ["started", "progress", "progress", "done", "unloaded"]);
    let ids = events.iter().filter_map(|event| match event {
        Event::Piece { ids, .. } => Some(ids.len()),
        _ => None,
    });
    assert_eq!(ids.sum::<usize>(), 3);
}

#[test]
fn cancel_reaches_the_prompt_the_answer_and_the_queue() {
    let cancel = |id| Command::Cancel { id };
    // During the prompt: after "started".
    let events = run(vec![(0, command(1, 30)), (1, cancel(1)), (9, command(2, 2))]);
    assert_eq!(done(&events), [(1, "cancelled"), (2, "length")]);
    assert!(!events.iter().any(|event| matches!(event, Event::Piece { id: 1, .. })));
    // During the answer: at most the token that was running comes.
    let events = run(vec![(0, command(1, 30)), (6, cancel(1))]);
    assert_eq!(done(&events), [(1, "cancelled")]);
    let n = events.iter().filter(|event| matches!(event, Event::Piece { .. })).count();
    assert!((3..=4).contains(&n), "{n}");
    // While waiting, and for something that is over.
    let events = run(vec![(0, command(1, 9)), (1, command(2, 9)), (1, cancel(2)), (1, cancel(5))]);
    assert_eq!(done(&events), [(2, "cancelled"), (1, "length")]);
}

#[test]
fn unload_answers_everything() {
    let tokenize =
        Command::Tokenize { id: 3, text: "hello".into(), add_special: true, parse_special: true };
    let events =
        run(vec![(0, command(1, 30)), (1, command(2, 5)), (2, tokenize), (3, Command::Unload)]);
    assert_eq!(done(&events), [(1, "cancelled"), (2, "cancelled"), (3, "cancelled")]);
    assert!(matches!(events.last(), Some(Event::Unloaded)));
}

#[test]
fn questions_about_text_and_numbers_are_answered() {
    let ids = vec![word("hello"), word("x")];
    let events = run(vec![
        (
            0,
            Command::Tokenize {
                id: 1,
                text: "hellox".into(),
                add_special: true,
                parse_special: true,
            },
        ),
        (0, Command::Detokenize { id: 2, ids: ids.clone() }),
        (0, Command::Logits { id: 3, ids: vec![40, 41], all: true }),
        (0, Command::Logits { id: 4, ids: vec![9999], all: false }),
        (0, command(5, 100)),
    ]);
    assert!(matches!(&events[0], Event::Tokens { id: 1, ids } if ids[0] == BOS && ids.len() > 1));
    assert!(matches!(&events[1], Event::Text { id: 2, text } if text == "hellox"));
    let Event::Logits { id: 3, n_rows: 2, values } = &events[2] else { panic!("{:?}", events[2]) };
    assert_eq!(values.len(), 2 * N_VOCAB);
    assert!(matches!(&events[3], Event::Failed { id: 4, .. }));
    assert_eq!(done(&events), [(5, "context")]);
}

#[test]
fn a_request_that_fails_does_not_end_the_actor() {
    let wrong = Request::new(Prompt::Tokens(vec![40; 64]));
    let events = run(vec![(0, Command::Generate { id: 1, request: wrong }), (0, command(2, 1))]);
    let Event::Failed { id: 1, error } = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!(error.code(), "ctx.full");
    assert_eq!(done(&events), [(2, "length")]);
}

#[test]
fn a_held_answer_waits_until_it_is_let_go_on() {
    // What is due after a thousand events is only looked at when the actor has nothing to do.
    let tokenize = |id| Command::Tokenize {
        id,
        text: "hello".into(),
        add_special: false,
        parse_special: false,
    };
    let events = run(vec![
        (0, command(1, 6)),
        (4, Command::Hold { id: 1, on: true }),
        (1000, tokenize(9)),
        (1000, Command::Hold { id: 7, on: true }),
        (1000, Command::Hold { id: 1, on: false }),
    ]);
    let tokens = events.iter().position(|event| matches!(event, Event::Tokens { id: 9, .. }));
    let end = events.iter().position(|event| matches!(event, Event::Done { id: 1, .. }));
    assert!(tokens.is_some() && tokens < end, "{events:?}");
    assert_eq!(done(&events), [(1, "length")]);
    let held = run(vec![
        (0, command(1, 6)),
        (4, Command::Hold { id: 1, on: true }),
        (1000, Command::Cancel { id: 1 }),
    ]);
    assert_eq!(done(&held), [(1, "cancelled")]);
}

#[test]
fn a_score_is_read_in_chunks_between_which_it_can_be_cancelled() {
    let ids: Vec<u32> = (3..63).collect();
    let score = |id| Command::Score { id, ids: ids.clone(), top: 2 };
    let events = run(vec![(0, score(1))]);
    let progress: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::Progress { id: 1, done, total: 59 } => Some(*done),
            _ => None,
        })
        .collect();
    assert!(progress.len() > 1 && progress.is_sorted(), "{progress:?}");
    let Some(Event::Scored { id: 1, scores }) = events.get(progress.len()) else {
        panic!("{events:?}")
    };
    assert_eq!(scores.iter().map(|score| score.id).collect::<Vec<_>>(), ids[1..]);
    assert!(scores.iter().all(|score| score.top.len() == 2 && score.logprob <= score.top[0].1));
    // What is left of it is answered as any other thing that was cancelled.
    let events = run(vec![(0, score(1)), (1, Command::Cancel { id: 1 }), (2, command(2, 1))]);
    assert_eq!(done(&events), [(1, "cancelled"), (2, "length")]);
    let wrong = |ids| run(vec![(0, Command::Score { id: 1, ids, top: 0 }), (0, command(2, 1))]);
    for ids in [vec![40; 65], vec![9999, 1], Vec::new()] {
        assert!(matches!(wrong(ids)[0], Event::Failed { id: 1, .. }));
    }
    assert!(matches!(&wrong(vec![40])[0], Event::Scored { id: 1, scores } if scores.is_empty()));
}

/// What is lent is lent when everybody before has an answer, and who comes meanwhile waits.
#[test]
fn a_lent_session_keeps_its_place_in_the_line() {
    let commands = vec![(0, command(1, 4)), (1, Command::Lend { id: 2 }), (2, command(3, 2))];
    let mut port = Script { commands: commands.into(), events: Vec::new() };
    let session = Fake::default().session(64);
    let (session, loan) = block_on(actor::serve(session, None, &mut port));
    assert_eq!(done(&port.events), [(1, "length")]);
    assert!(matches!(port.events.last(), Some(Event::Lent { id: 2 })));
    assert_eq!(session.n_free(), session.n_slots());
    assert_eq!(loan.as_ref().map(|loan| loan.id), Some(2));
    let (_, loan) = block_on(actor::serve(session, loan, &mut port));
    assert!(loan.is_none(), "the script is over, so the host is gone");
    assert_eq!(done(&port.events), [(1, "length"), (3, "length")]);
}

#[test]
fn a_loan_that_is_cancelled_or_refused_is_answered() {
        for last in [Command::Cancel { id: 2 }, Command::Unload] {
        let events = run(vec![(0, command(1, 4)), (1, Command::Lend { id: 2 }), (2, last)]);
        let ended: Vec<_> = done(&events).into_iter().filter(|(id, _)| *id == 2).collect();
        assert_eq!(ended, [(2, "cancelled")]);
    }
}
