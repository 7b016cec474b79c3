use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn writing(at: Moment) -> Box<Writing> {
    match State::write_cut_short(Output::default(), Vec::new(), Then::Request, None, at) {
        State::Writing(writing) => writing,
        other => panic!("{other:?}"),
    }
}

fn discarding(since: Moment) -> State {
    State::DiscardingBody(Box::new(DiscardingBody {
        since,
        head: Box::default(),
        body: Body::Length {
            left: 1,
            arrived: 0,
        },
    }))
}

#[test]
fn each_state_has_the_deadline_of_its_time_out() {
    let start = Moment::now();
    let timeouts = Timeouts {
        keep_alive: SECOND,
        header: 2 * SECOND,
        body: 3 * SECOND,
        write: 4 * SECOND,
        linger: 5 * SECOND,
        shutdown: 6 * SECOND,
    };
    let check = |state: State, name: &str, seconds: u32| {
        assert_eq!(state.name(), name);
        let deadline = start + seconds * SECOND;
        assert_eq!(state.deadline(&timeouts), deadline, "{name}");
    };
    check(State::Idle { since: start }, "idle", 1);
    let reading = State::reading_head(start, Vec::new(), false);
    check(reading, "reading a head", 2);
    check(discarding(start), "discarding a body", 3);
    check(State::Writing(writing(start)), "writing", 4);
    check(
        State::write_side_shut(CloseReason::ClientAsked, start),
        "lingering",
        5,
    );
}

#[test]
fn a_request_has_begun_with_the_first_byte_of_its_line() {
    let start = Moment::now();
    let reading = |input: &str| State::reading_head(start, input.into(), false);
    for (state, reason) in [
        (reading(""), CloseReason::ClientClosed),
        (reading("\r"), CloseReason::ClientClosed),
        (reading("\r\n"), CloseReason::ClientClosed),
        (reading("G"), CloseReason::ClientGaveUp),
        (reading("\r\nG"), CloseReason::ClientGaveUp),
        (discarding(start), CloseReason::ClientGaveUp),
        (State::Writing(writing(start)), CloseReason::ClientClosed),
        (State::answered(start), CloseReason::ClientClosed),
    ] {
        assert_eq!(state.eof_reason(), reason, "{state:?}");
    }
}

#[test]
fn the_rest_of_the_input_keeps_its_time() {
    let (start, timeouts) = (Moment::now(), Timeouts::default());
    let after = |rest: &str| {
        let now = start + SECOND;
        match State::after_write(Then::Request, rest.into(), false, start, now) {
            Continue(state) => state.deadline(&timeouts),
            Break(reason) => panic!("{reason:?}"),
        }
    };
    assert_eq!(after("GET"), start + timeouts.header);
    assert_eq!(after(""), start + SECOND + timeouts.keep_alive);
}

#[test]
fn a_head_is_parsed_again_only_if_the_result_can_change() {
    let limits = HeadLimits {
        request_line_bytes_max: 20,
        header_section_bytes_max: 10,
        header_fields_max: 3,
    };
    let check = |held: &str, new: &str, expected: bool| {
        let parsed = ReadingHead::can_end(held.as_bytes(), new.as_bytes(), &limits);
        assert_eq!(parsed, expected, "{held:?} {new:?}");
    };
    check("", "G", true);
    check("GET", " ", true);
    check("GET / HTTP/1.1\r", "\n", true);
    check("GET / HTTP/1.1\r\n", "Host", false);
    check("GET / HTTP/1.1\r\nHost: ", "h\r\n", true);
    check("GET / HTTP/1.1\r\nHost: ", "1234", false);
    check("GET / HTTP/1.1\r\nHost: ", "12345", true);
    check("\r\n", "G", true);
    check("\r\nGET", " ", true);
    check("\r\nGET / HTTP/1.1\r\n", "Host", false);
    check("\r\nGET / HTTP/1.1\r\nHost: ", "1234", false);
    check("\r\nGET / HTTP/1.1\r\nHost: ", "12345", true);
}

#[test]
fn the_minimum_rate_is_checked_over_whole_windows() {
    let start = Moment::now();
    let timeouts = Timeouts {
        write: 10 * SECOND,
        ..Timeouts::default()
    };
    // (second, bytes, whether that is fast enough at 100 bytes per second)
    let check = |sent: &[(u32, usize, bool)]| {
        let mut writing = writing(start);
        for &(second, bytes, expected) in sent {
            let now = start + second * SECOND;
            let is_enough = writing.progress(bytes, now, &timeouts, 100);
            assert_eq!(is_enough, expected, "{sent:?} at {second}");
            if bytes > 0 {
                assert_eq!(writing.progress_at, now);
            }
        }
    };
    check(&[(9, 1, true), (9, 1, true)]);
    check(&[(9, 1, true), (10, 1, false)]);
    check(&[(9, 999, true), (10, 1, true)]);
    check(&[(15, 1_499, false)]);
    check(&[(15, 1_500, true), (24, 1, true), (25, 998, false)]);
    check(&[(15, 1_500, true), (24, 1, true), (25, 999, true)]);
    check(&[(40, 0, true)]);
}
