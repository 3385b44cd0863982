//! What a power cut would lose.

use super::State;
use crate::nats::SyncFacts;

/// Says it plainly, of a log that is kept `replicas` times by servers of which we know this.
pub(super) fn of(replicas: u64, sync: &[SyncFacts]) -> (State, String) {
    let known = u64::try_from(sync.len()).unwrap_or(u64::MAX);
    if sync.is_empty() {
        let text = "unknown: only the system account is told (nats.system_user and \
                    nats.system_password). Unless every server has `sync_interval: always`, a \
                    power cut loses acknowledged orders";
        return (State::Warn, text.to_owned());
    }
    if let Some(server) = sync.iter().find(|server| !server.always) {
        let (every, name) = (server.every_s, &server.server);
        let text = if replicas < 3 {
            format!(
                "a power cut loses what was acknowledged in the last {every} s, and may lose whole \
                 streams: set `sync_interval: always` on {name}"
            )
        } else {
            // One machine is enough: it comes back without its last writes, and may lead together
            // with one that was behind.
            format!(
                "a power cut may lose up to {every} s of acknowledged orders, of one machine too \
                 while another is behind: set `sync_interval: always` on {name}"
            )
        };
        return (State::Warn, text);
    }
    if known < replicas {
        let text = format!(
            "unknown: {known} of {replicas} servers answered, with `sync_interval: always`; \
             where the others have not, a power cut loses acknowledged orders"
        );
        return (State::Warn, text);
    }
    (State::Ok, "a power cut loses nothing that was acknowledged".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_power_cut_loses_is_promised_by_every_server_or_by_none() {
        let always = |name: &str| SyncFacts { server: name.to_owned(), always: true, every_s: 0 };
        let lazy = |name: &str| SyncFacts { server: name.to_owned(), always: false, every_s: 120 };
        let three = || vec![always("a"), always("b"), always("c")];
        for (replicas, sync, state, says) in [
            (1, vec![always("a")], State::Ok, "loses nothing that was acknowledged"),
            (3, three(), State::Ok, "loses nothing that was acknowledged"),
            (1, vec![lazy("a")], State::Warn, "in the last 120 s, and may lose whole streams"),
            (3, vec![always("a"), lazy("b"), always("c")], State::Warn, "of one machine too"),
            (3, vec![lazy("a"), lazy("b"), lazy("c")], State::Warn, "`sync_interval: always` on a"),
            (3, vec![always("a")], State::Warn, "unknown: 1 of 3 servers answered"),
            (3, vec![], State::Warn, "unknown: only the system account is told"),
        ] {
            let (found, text) = of(replicas, &sync);
            assert_eq!(found, state, "{text}");
            assert!(text.contains(says), "{says}: {text}");
        }
    }
}
