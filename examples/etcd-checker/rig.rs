//! Three real members and two real signers, each with its wires.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::proxy::Proxy;

pub const CHAIN: &str = "harness-shared-1";

/// A process that can be killed, stopped and started again.
pub struct Process {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    pub fn new(name: &str, program: &Path, args: Vec<String>, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            args,
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    pub fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("its log");
        let child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("its log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{}: {error}", self.name)));
    }

    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        let pid = Pid::from_child(child);
        kill_process(pid, signal).expect("a signal");
    }

    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Whether it ended by itself, or is about to.
    pub fn is_dead(&mut self) -> bool {
        std::thread::sleep(Duration::from_millis(30));
        let child = self.child.as_mut().expect("it was started");
        child.try_wait().expect("its end").is_some()
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = (child.kill(), child.wait());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub struct Rig {
    pub members: Vec<Process>,
    /// Between members: what the others send to this one.
    pub peers: Vec<Proxy>,
    pub signers: Vec<Process>,
    /// By signer and member.
    pub wires: Vec<Vec<Proxy>>,
    pub folder: PathBuf,
    pub sockets: Vec<PathBuf>,
    /// The members' own ports, without a wire.
    pub clients: Vec<u16>,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Rig {
    /// `careless` signers are the negative control: this program itself, with a store that takes a time-out for "not
    /// applied". `direct`: there are no proxies between signers and members.
    pub fn build(etcd: &Path, tmkms: &Path, folder: &Path, careless: bool, direct: bool) -> Self {
        let (clients, ports): (Vec<u16>, Vec<u16>) =
            (0..3).map(|_| (free_port(), free_port())).unzip();
        let peers: Vec<Proxy> = ports.iter().map(|port| Proxy::to(*port)).collect();
        let cluster: Vec<String> = peers
            .iter()
            .enumerate()
            .map(|(at, peer)| format!("m{at}=http://127.0.0.1:{}", peer.port))
            .collect();
        let mut members: Vec<Process> = (0..3)
            .map(|at| {
                let client = format!("http://127.0.0.1:{}", clients[at]);
                let args = [
                    "--name".to_owned(),
                    format!("m{at}"),
                    "--data-dir".to_owned(),
                    folder.join(format!("m{at}")).display().to_string(),
                    "--listen-client-urls".to_owned(),
                    client.clone(),
                    "--advertise-client-urls".to_owned(),
                    client,
                    "--listen-peer-urls".to_owned(),
                    format!("http://127.0.0.1:{}", ports[at]),
                    "--initial-advertise-peer-urls".to_owned(),
                    format!("http://127.0.0.1:{}", peers[at].port),
                    "--initial-cluster".to_owned(),
                    cluster.join(","),
                    "--initial-cluster-token".to_owned(),
                    "checker".to_owned(),
                    "--auto-compaction-mode".to_owned(),
                    "revision".to_owned(),
                    "--auto-compaction-retention".to_owned(),
                    "1000".to_owned(),
                ];
                Process::new(&format!("m{at}"), etcd, args.to_vec(), folder)
            })
            .collect();
        members.iter_mut().for_each(Process::start);
        let wires: Vec<Vec<Proxy>> = (0..2)
            .map(|_| clients.iter().map(|port| Proxy::to(*port)).collect())
            .collect();
        let sockets: Vec<PathBuf> = (0..2)
            .map(|at| folder.join(format!("node{at}.sock")))
            .collect();
        let mut rig = Self {
            members,
            peers,
            signers: Vec::new(),
            wires,
            folder: folder.to_owned(),
            sockets,
            clients,
        };
        rig.wait_for_quorum();
        rig.signers = (0..2)
            .map(|at| match careless {
                true => rig.careless(at),
                false => rig.signer(tmkms, at, direct),
            })
            .collect();
        rig
    }

    fn wait_for_quorum(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        let url = format!("http://127.0.0.1:{}", self.clients[0]);
        let limits = tmkms::https::Limits {
            connect: Duration::from_secs(1),
            request: Duration::from_secs(2),
        };
        let client = tmkms::https::Client::new(&url, None, limits);
        while !client
            .get("/health")
            .is_ok_and(|answer| answer.status == 200)
        {
            assert!(
                Instant::now() < until,
                "the members do not begin: look at their logs"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn signer(&self, tmkms: &Path, at: usize, direct: bool) -> Process {
        let home = self.folder.join(format!("signer{at}"));
        std::fs::create_dir(&home).expect("a home");
        let key = home.join("consensus.key");
        let config = home.join("tmkms.toml");
        let wires = self.wires[at].iter().map(|wire| wire.port);
        let ports: Vec<u16> = match direct {
            true => self.clients.clone(),
            false => wires.collect(),
        };
        let endpoints: Vec<String> = ports
            .iter()
            .map(|port| format!("\"http://127.0.0.1:{port}\""))
            .collect();
        let text = format!(
            "[[chain]]\nid = \"{CHAIN}\"\nstate_file = \"state.json\"\nstore = \"etcd\"\nallow_ephemeral_state = true\n\
             max_gap = 1000000000\nmax_blocks_per_second = 10000\n[etcd]\nendpoints = [{}]\n\
             [[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"unix://{}\"\n\
             [[providers.softsign]]\nchain_ids = [\"{CHAIN}\"]\npath = \"consensus.key\"\n",
            endpoints.join(", "),
            self.sockets[at].display()
        );
        std::fs::write(&config, text).expect("a configuration");
        let run = |args: &[&str]| {
            let output = Command::new(tmkms)
                .args(args)
                .args(["-c", &config.display().to_string()])
                .output()
                .expect("tmkms");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{args:?}: {said}");
        };
        if at == 0 {
            let made = Command::new(tmkms)
                .args(["softsign", "keygen"])
                .arg(&key)
                .output()
                .expect("tmkms");
            assert!(made.status.success());
            run(&["state", "init", CHAIN, "--never-signed"]);
            run(&["state", "share", CHAIN, "--yes"]);
        } else {
            std::fs::copy(self.folder.join("signer0/consensus.key"), &key).expect("the key");
            run(&["state", "join", CHAIN, "--yes"]);
        }
        let args = ["start", "-c", &config.display().to_string()].map(str::to_owned);
        Process::new(&format!("signer{at}"), tmkms, args.to_vec(), &self.folder)
    }

    fn careless(&self, at: usize) -> Process {
        let me = std::env::current_exe().expect("this program");
        let mut args = vec![
            "careless-signer".to_owned(),
            self.sockets[at].display().to_string(),
            at.to_string(),
        ];
        args.extend(self.wires[at].iter().map(|wire| wire.port.to_string()));
        Process::new(&format!("signer{at}"), &me, args, &self.folder)
    }
}
