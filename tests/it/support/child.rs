//! Roles in a process of their own, to be killed, stopped and woken.
//!
//! The process is this very test binary, told by its environment to be a role.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use kassa::bench::ChildCommand;
use kassa::gateway::{Connector, SimulatedGateway, Simulation};
use kassa::run::{Role, start};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use super::shop::setup;

/// The test that is the child's main function.
const MAIN: &str = "support::child::a_role_in_a_process_of_its_own";

/// Names the role of such a child.
const ASKED: &str = "KASSA_IT_ROLE";

/// Where the provider of such a child keeps its books.
const BOOKS: &str = "KASSA_IT_BOOKS";

/// A committer in a process of its own.
pub(crate) fn committer_command() -> ChildCommand {
    command(Role::Committer)
}

fn command(role: Role) -> ChildCommand {
    ChildCommand {
        program: std::env::current_exe().unwrap(),
        arguments: [MAIN, "--exact", "--nocapture"].map(ToOwned::to_owned).into(),
        variables: vec![(ASKED.to_owned(), role.name().to_owned())],
    }
}

/// A role in a process of its own.
pub(crate) struct Child(tokio::process::Child);

impl Child {
    /// Starts a committer that reaches its server at `url`.
    pub(crate) fn committer(url: &str) -> Self {
        Self::start(committer_command(), url)
    }

    /// Starts a payer that reaches its server at `url` and whose provider has its books there.
    pub(crate) fn payer(url: &str, books: &Path) -> Self {
        let mut command = command(Role::Payer);
        command.variables.push((BOOKS.to_owned(), books.to_str().unwrap().to_owned()));
        Self::start(command, url)
    }

    /// Starts a retry scheduler that reaches its server at `url`.
    pub(crate) fn retry_scheduler(url: &str) -> Self {
        Self::start(command(Role::RetryScheduler), url)
    }

    fn start(command: ChildCommand, url: &str) -> Self {
        let ChildCommand { program, arguments, variables } = command;
        let mut command = Command::new(program);
        command.args(arguments).envs(variables).env("NATS_URL", url).kill_on_drop(true);
        if variable("RUST_LOG").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Self(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().unwrap().try_into().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub(crate) async fn kill(&mut self) {
        self.0.kill().await.unwrap();
    }

    /// Waits until it has ended, for whatever reason.
    pub(crate) async fn ended(&mut self) {
        self.0.wait().await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to be")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_in_a_process_of_its_own() {
    let Some(name) = variable(ASKED) else {
        return;
    };
    super::log();
    // Whoever started us must not leave us behind.
    set_pdeathsig(Signal::SIGKILL).unwrap();
    let moods = Simulation::default();
    let gateway = match variable(BOOKS) {
        Some(books) => SimulatedGateway::with_ledger(moods, Path::new(&books)).unwrap(),
        None => SimulatedGateway::new(moods),
    };
    let mut setup =
        setup(&variable("NATS_URL").unwrap(), Arc::new(Connector::Simulated(Box::new(gateway))));
    // Small commits, so that there is always another one to be killed in.
    setup.bounds.commands = 50;
    let role = Role::ALL.into_iter().find(|role| role.name() == name).unwrap();
    let mut running = start(&setup, &[role]).await.unwrap();
    panic!("{:?}", running.failure().await);
}
