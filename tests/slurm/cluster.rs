//! A Slurm cluster of two nodes on this host, of the test's own: its munge, controller and node daemons listen on ports and
//! sockets that nobody else uses, and need no rights that the user has not.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A waiting loop ends at last, so that a cluster that hangs is reported; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(600);

/// The programs that are needed.
const PROGRAMS: [&str; 6] = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol"];

/// Both nodes.
pub const NODES: [&str; 2] = ["n1", "n2"];

/// A running cluster. When it is dropped, all of it is ended, tasks too.
pub struct Cluster {
    place: TempDir,
    daemons: BTreeMap<String, Child>,
}

/// Where programs are looked for: daemons are not in every user's PATH.
fn path() -> String {
    std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin:/usr/local/sbin"
}

/// Waits until `done` gives something.
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain");
        sleep(Duration::from_millis(100));
    }
}

impl Cluster {
    /// Starts one, if there is a Slurm; else says so, and `None`.
    pub fn start() -> Option<Cluster> {
        let path = path();
        let is_there =
            |program: &&str| path.split(':').any(|folder| Path::new(folder).join(program).exists());
        let missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| !is_there(program)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            assert!(
                std::env::var_os("REQUIRE_SLURM").is_none(),
                "REQUIRE_SLURM is set, but there is no {missing} (Debian, Ubuntu: slurmctld slurmd slurm-client munge)"
            );
            eprintln!("SKIPPED: no {missing} (Debian, Ubuntu: slurmctld slurmd slurm-client munge)");
            return None;
        }
        // Sockets need short paths, and munge wants a place that others can look into and nobody else can change.
        let place = tempfile::Builder::new().prefix("slurm").tempdir_in("/tmp").unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        for folder in ["munge", "state", "log", "bin", "home"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        let mut cluster = Cluster { place, daemons: BTreeMap::new() };
        cluster.start_munge();
        fs::write(cluster.conf(), cluster.configuration()).unwrap();
        cluster.daemon("slurmctld", &["slurmctld", "-D", "-f", cluster.conf().to_str().unwrap()]);
        for node in NODES {
            cluster.start_node(node);
        }
        cluster.wait_for_nodes();
        Some(cluster)
    }

    /// The directory that users work in.
    pub fn home(&self) -> PathBuf {
        self.place.path().join("home")
    }

    fn conf(&self) -> PathBuf {
        self.place.path().join("slurm.conf")
    }

    fn start_munge(&mut self) {
        let folder = self.place.path().join("munge");
        let key: [u8; 128] = rand::random();
        fs::write(folder.join("key"), key).unwrap();
        fs::set_permissions(folder.join("key"), Permissions::from_mode(0o400)).unwrap();
        let file = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
        let options = [
            file("socket", "socket"),
            file("key-file", "key"),
            file("pid-file", "pid"),
            file("log-file", "log"),
            file("seed-file", "seed"),
        ];
        let mut words = vec!["munged", "--foreground"];
        words.extend(options.iter().map(String::as_str));
        self.daemon("munged", &words);
        let socket = folder.join("socket");
        wait_for("munge's socket", || socket.exists().then_some(()));
    }

    fn configuration(&self) -> String {
        // Held together, so that they differ.
        let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        let user = Command::new("id").arg("-un").output().unwrap();
        let user = String::from_utf8(user.stdout).unwrap();
        let (user, place) = (user.trim(), self.place.path().display());
        let host = gethostname::gethostname();
        let host = host.to_str().unwrap();
        let mut text = format!(
            "ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={place}/munge/socket,cred_expire=5
SlurmctldPort={}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool.%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.%n.pid
SlurmctldLogFile={place}/log/slurmctld.log
SlurmdLogFile={place}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=5
KillWait=30
MaxArraySize=20
PartitionName=fast Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
",
            ports[0]
        );
        for (node, port) in NODES.iter().zip(&ports[1..]) {
            text += &format!(
                "NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN\n"
            );
        }
        text
    }

    /// A command in the user's directory that finds this cluster and this project's program.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let built = assert_cmd::cargo::cargo_bin("symbreak");
        let path = format!("{}:{}", built.parent().unwrap().display(), path());
        command.env("PATH", path).env("SLURM_CONF", self.conf()).current_dir(self.home());
        // What a user has set for his own cluster.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["SBATCH_", "SQUEUE_", "SLURM_"].iter().any(|start| name.starts_with(start))
                && name != "SLURM_CONF"
            {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// What a command of the cluster prints.
    pub fn ask(&self, program: &str, words: &[&str]) -> String {
        let output = self.command(program).args(words).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    fn daemon(&mut self, name: &str, words: &[&str]) {
        let log = self.place.path().join("log").join(format!("{name}.out"));
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = self.command(words[0]);
        command.args(&words[1..]).current_dir(self.place.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        // So that a Ctrl-C in the test's terminal does not reach it before the test has ended it in order.
        command.process_group(0);
        self.daemons.insert(name.into(), command.spawn().unwrap());
    }

    /// Starts the daemon of a node.
    pub fn start_node(&mut self, node: &str) {
        let conf = self.conf();
        self.daemon(node, &["slurmd", "-D", "-N", node, "-f", conf.to_str().unwrap()]);
    }

    /// Waits until both nodes take jobs.
    pub fn wait_for_nodes(&self) {
        wait_for("idle nodes", || {
            let output =
                self.command("sinfo").args(["--noheader", "--Node", "--format=%T"]).output().unwrap();
            let states = String::from_utf8_lossy(&output.stdout);
            (states.split_whitespace().filter(|state| *state == "idle").count() == NODES.len()).then_some(())
        });
    }

    /// Kills the controller: nothing answers any more.
    pub fn kill_controller(&mut self) {
        kill_child(self.daemons.remove("slurmctld").as_mut().unwrap());
    }

    /// Kills a node as a loss of power does: its daemon and everything that runs there, here the task whose process this is.
    pub fn kill_node(&mut self, node: &str, task: u32) {
        let keeper = parent(task).unwrap();
        kill_child(self.daemons.remove(node).as_mut().unwrap());
        signal("KILL", keeper);
        signal("KILL", task);
    }

    /// Kills a node's daemon and what looks after its task, but not the task: it lives on, and the cluster does not know.
    pub fn orphan(&mut self, node: &str, task: u32) {
        let keeper = parent(task).unwrap();
        kill_child(self.daemons.remove(node).as_mut().unwrap());
        signal("KILL", keeper);
    }

    /// The process of this cluster with these words in its command line, if it is there.
    pub fn process(&self, words: &[&str]) -> Option<u32> {
        let place = self.place.path().to_str().unwrap();
        processes().find_map(|(pid, command)| {
            let is_it = command.starts_with("symbreak\0") || command.contains("/symbreak\0run\0");
            let wanted = words.join("\0");
            (is_it && command.contains(place) && command.contains(&wanted)).then_some(pid)
        })
    }

    /// Everything that the daemons have written, for a test that fails.
    fn logs(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(self.place.path().join("log")).unwrap().flatten() {
            let log = fs::read_to_string(entry.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            text += &format!("== {}\n", entry.path().display());
            for line in &lines[lines.len().saturating_sub(40)..] {
                text += &format!("{line}\n");
            }
        }
        text
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        // The controller first, so that it starts nothing more; munge last.
        for name in ["slurmctld", "n1", "n2", "munged"] {
            if let Some(mut child) = self.daemons.remove(name) {
                kill_child(&mut child);
            }
        }
        // What the daemons have started: tasks, what looks after them, the controller's helper. All of it knows the place.
        let place = self.place.path().to_str().unwrap_or_default().to_string();
        loop {
            let left: Vec<u32> = processes()
                .filter(|(pid, command)| *pid != std::process::id() && command.contains(&place))
                .map(|(pid, _)| pid)
                .chain(with_environment(&place))
                .collect();
            if left.is_empty() {
                break;
            }
            for pid in left {
                signal("KILL", pid);
            }
            sleep(Duration::from_millis(50));
        }
    }
}

fn kill_child(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Sends a signal to a process, if it is still there.
pub fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// All processes with their command lines, words ended by a zero byte.
fn processes() -> impl Iterator<Item = (u32, String)> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        // A zombie has none.
        (!command.is_empty()).then(|| (pid, String::from_utf8_lossy(&command).into_owned()))
    })
}

/// Processes that have inherited the cluster's configuration, other than this one.
fn with_environment(place: &str) -> Vec<u32> {
    let wanted = format!("SLURM_CONF={place}/");
    processes()
        .map(|(pid, _)| pid)
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).split('\0').any(|variable| variable.starts_with(&wanted))
        })
        .collect()
}

/// Whoever started a process.
fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// An empty file.
pub fn touch(path: &Path) {
    File::create(path).unwrap();
}
