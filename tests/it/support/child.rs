//! Roles in a process of their own, to be killed, stopped and woken.
//!
//! The process is this very test binary, told by its environment to be a role.

use std::process::Stdio;
use std::sync::Arc;

use kassa::bench::ChildCommand;
use kassa::gateway::{SimulatedGateway, Simulation};
use kassa::run::{Role, start};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use super::shop::setup;

/// The test that is the child's main function.
const MAIN: &str = "support::child::a_committer_in_a_process_of_its_own";

/// Says that this process is such a child.
const ASKED: &str = "KASSA_IT_CHILD";

/// A committer in a process of its own.
pub fn committer_command() -> ChildCommand {
    ChildCommand {
        program: std::env::current_exe().unwrap(),
        arguments: [MAIN, "--exact", "--nocapture"].map(ToOwned::to_owned).into(),
        variables: vec![(ASKED.to_owned(), "1".to_owned())],
    }
}

/// A committer in a process of its own.
pub struct Child(tokio::process::Child);

impl Child {
    /// Starts a committer that reaches its server at `url`.
    pub fn committer(url: &str) -> Self {
        let ChildCommand { program, arguments, variables } = committer_command();
        let mut command = Command::new(program);
        command.args(arguments).envs(variables).env("NATS_URL", url).kill_on_drop(true);
        if std::env::var_os("RUST_LOG").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Self(command.spawn().unwrap())
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().unwrap().try_into().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub async fn kill(&mut self) {
        self.0.kill().await.unwrap();
    }

    /// Waits until it has ended, for whatever reason.
    pub async fn ended(&mut self) {
        self.0.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committer_in_a_process_of_its_own() {
    if std::env::var_os(ASKED).is_none() {
        return;
    }
    super::log();
    // Whoever started us must not leave us behind.
    set_pdeathsig(Signal::SIGKILL).unwrap();
    let gateway = Arc::new(SimulatedGateway::new(Simulation::default()));
    let mut setup = setup(&std::env::var("NATS_URL").unwrap(), gateway);
    // Small commits, so that there is always another one to be killed in.
    setup.bounds.commands = 50;
    let mut running = start(&setup, &[Role::Committer]).await.unwrap();
    panic!("{:?}", running.failure().await);
}
