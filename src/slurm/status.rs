//! What became of each task: the files say what is done, the queue what is to come; a task of which neither knows is to be
//! submitted again.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::SlurmError;
use super::indices::list;
use super::queue::{self, Queued, Standing};
use crate::output::shard::{self, Progress};
use crate::output::submission::{ARRAY, LOGS, MERGE, MERGED, SHARDS, last_words};
use crate::output::{Manifest, Status, Submission};
use crate::shell::quoted;
use crate::spec::Shard;

/// Tasks that are listed one by one; of more, only their numbers are.
const LISTED: usize = 60;

/// Columns of a terminal that the table must fit.
const WIDTH: u16 = 120;

/// How a task, or the merge, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its directory is in its place.
    Done,
    /// It has a node.
    Running,
    /// It waits in the queue.
    Pending,
    /// It was started before, and waits in the queue to go on.
    Requeued,
    /// It is not done, and the queue has nothing more of it.
    Failed,
    /// It is not done; whether it is in the queue is not known.
    Undone,
}

impl State {
    const ALL: [State; 6] =
        [State::Done, State::Running, State::Pending, State::Requeued, State::Failed, State::Undone];

    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Running => "running",
            State::Pending => "pending",
            State::Requeued => "requeued",
            State::Failed => "failed",
            State::Undone => "not done",
        }
    }
}

impl From<Standing> for State {
    fn from(standing: Standing) -> State {
        match standing {
            Standing::Pending => State::Pending,
            Standing::Requeued => State::Requeued,
            Standing::Running => State::Running,
        }
    }
}

/// A task of the array.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// Its number in the array, which is that of its shard.
    pub task: u64,
    /// How it stands.
    pub state: State,
    /// Runs of its shard.
    pub runs: u64,
    /// Runs of these that are done, as far as a killed task would keep them.
    pub runs_finished: u64,
    /// Its job in the queue, if it is there.
    pub job: Option<String>,
    /// Slurm's word for why it waits.
    pub reason: Option<String>,
    /// How often Slurm started it again.
    pub restarts: Option<u64>,
    /// What is wrong with what lies in the place of its directory.
    pub problem: Option<String>,
    /// The last line of its log.
    pub log: Option<String>,
}

/// The job that puts the shards together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Merge {
    /// How it stands.
    pub state: State,
    /// Its job in the queue, if it is there.
    pub job: Option<String>,
    /// Slurm's word for why it waits.
    pub reason: Option<String>,
    /// What is wrong with what lies in the place of its directory.
    pub problem: Option<String>,
    /// The last line of its log.
    pub log: Option<String>,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Where it is.
    pub directory: PathBuf,
    /// `name` of the spec.
    pub name: String,
    /// Hash of the plan.
    pub plan_hash: String,
    /// Name of the array in the queue.
    pub job_name: String,
    /// Why nothing is known of the queue; null if it is.
    pub queue_problem: Option<String>,
    /// Every task.
    pub tasks: Vec<Task>,
    /// The merge.
    pub merge: Merge,
    /// Numbers of the failed tasks, as `sbatch --array` takes them.
    pub submit_again: String,
    /// Shell commands that submit again what is to be.
    pub commands: Vec<String>,
}

/// What is to be submitted so that everything gets done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToSubmit {
    /// Tasks of the array.
    pub tasks: Vec<u64>,
    /// Whether a merge is to follow.
    pub merge: bool,
    /// Jobs in the queue that the merge must wait for as well.
    pub after: Vec<String>,
}

/// Looks at the queue and the files.
///
/// # Errors
/// Where `directory` holds nothing that was submitted, or it cannot be read. That the queue does not answer is none: the
/// report says so.
pub fn look(directory: &Path) -> Result<Report, SlurmError> {
    let submission = Submission::read(directory)?.ok_or_else(|| {
        SlurmError::Refused(format!(
            "{} holds nothing that was submitted; give the directory that `symbreak slurm` named (its --out)",
            directory.display()
        ))
    })?;
    // The queue first: a task that ends meanwhile is seen there and in the files, never in neither.
    let queue = queue::look(&submission);
    Ok(report(directory, &submission, queue))
}

/// Puts together what the queue said and what the files say.
fn report(directory: &Path, submission: &Submission, queue: Result<Vec<Queued>, String>) -> Report {
    let (queue, queue_problem) = match queue {
        Ok(queue) => (queue, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let known = queue_problem.is_none();
    let tasks = (1..=submission.tasks).map(|task| {
        let queued = queue.iter().filter(|q| q.name == submission.job_name && q.task == Some(task));
        // It may have been submitted again while it was in the queue.
        let queued = queued.max_by_key(|q| q.standing == Standing::Running);
        look_at_task(directory, submission, task, queued, known)
    });
    let tasks: Vec<Task> = tasks.collect();
    let queued = queue.iter().filter(|q| q.name == submission.merge_name());
    let queued = queued.max_by_key(|q| q.standing == Standing::Running);
    let merge = look_at_merge(directory, submission, queued, known);
    let mut report = Report {
        directory: directory.to_path_buf(),
        name: submission.name.clone(),
        plan_hash: submission.plan_hash.clone(),
        job_name: submission.job_name.clone(),
        queue_problem,
        tasks,
        merge,
        submit_again: String::new(),
        commands: Vec::new(),
    };
    let to_submit = report.to_submit();
    report.submit_again = list(&to_submit.tasks);
    report.commands = commands(directory, &to_submit);
    report
}

fn look_at_task(
    directory: &Path,
    submission: &Submission,
    task: u64,
    queued: Option<&Queued>,
    known: bool,
) -> Task {
    let shard = Shard { index: task, of: submission.tasks };
    let range = shard.of_runs(submission.runs);
    let runs = range.end - range.start;
    let (done, runs_finished, problem) = match shard::progress(&directory.join(SHARDS).join(task.to_string()))
    {
        Ok(Progress::Finished(held)) => match is_of(submission, &held, Some(shard)) {
            Ok(()) => (true, runs, None),
            Err(problem) => (false, 0, Some(problem)),
        },
        Ok(Progress::Runs(runs)) => (false, runs, None),
        Err(error) => (false, 0, Some(error.to_string())),
    };
    Task {
        task,
        state: state(done, queued, known),
        runs,
        runs_finished,
        job: queued.map(|q| format!("{}_{task}", q.job)),
        reason: queued.map(|q| q.reason.clone()).filter(|reason| !reason.is_empty()),
        restarts: queued.map(|q| q.restarts),
        problem,
        log: last_words(&directory.join(LOGS).join(format!("{task}.log"))),
    }
}

fn look_at_merge(directory: &Path, submission: &Submission, queued: Option<&Queued>, known: bool) -> Merge {
    let place = directory.join(MERGED);
    let (done, problem) = match Manifest::read(&place) {
        Ok(Some(held)) if held.status == Status::Finished => {
            let sound = is_of(submission, &held, None)
                .and_then(|()| held.check(&place).map_err(|error| error.to_string()));
            (sound.is_ok(), sound.err())
        }
        Ok(_) => (false, None),
        Err(error) => (false, Some(error.to_string())),
    };
    Merge {
        state: state(done, queued, known),
        job: queued.map(|q| q.job.clone()),
        reason: queued.map(|q| q.reason.clone()).filter(|reason| !reason.is_empty()),
        problem,
        log: last_words(&directory.join(LOGS).join("merge.log")),
    }
}

fn state(done: bool, queued: Option<&Queued>, known: bool) -> State {
    match (done, queued) {
        (true, _) => State::Done,
        (false, Some(queued)) => queued.standing.into(),
        (false, None) if known => State::Failed,
        (false, None) => State::Undone,
    }
}

/// Whether a finished sweep is what was submitted.
fn is_of(submission: &Submission, held: &Manifest, shard: Option<Shard>) -> Result<(), String> {
    if held.plan_hash != submission.plan_hash {
        return Err("it holds another plan than was submitted (a data file may have changed since)".into());
    }
    if held.shard != shard {
        return Err("it holds other runs than it should".into());
    }
    Ok(())
}

impl Report {
    /// What is to be submitted so that everything gets done. Nothing if that is not known.
    pub fn to_submit(&self) -> ToSubmit {
        let tasks: Vec<u64> =
            self.tasks.iter().filter(|task| task.state == State::Failed).map(|task| task.task).collect();
        // A merge that is in the queue waits for none of the tasks that are still to be submitted.
        let merge = self.queue_problem.is_none() && (!tasks.is_empty() || self.merge.state == State::Failed);
        let in_queue = self.tasks.iter().filter(|task| task.state != State::Done).filter_map(|task| {
            let (job, _) = task.job.as_deref()?.split_once('_')?;
            Some(job.to_string())
        });
        let mut after: Vec<String> = in_queue.collect();
        after.sort();
        after.dedup();
        ToSubmit { tasks, merge, after }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |line: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        };
        if let Some(problem) = &self.queue_problem {
            say(format!("The queue does not answer ({problem}): what follows is from the files alone."));
        }
        let (finished, runs) =
            self.tasks.iter().fold((0, 0), |(f, r), task| (f + task.runs_finished, r + task.runs));
        say(format!(
            "{}: {} in {} tasks, {finished} of {runs} runs done; in the queue as {}",
            self.directory.display(),
            self.name,
            self.tasks.len(),
            self.job_name
        ));
        for state in State::ALL {
            let of_it: Vec<u64> =
                self.tasks.iter().filter(|task| task.state == state).map(|task| task.task).collect();
            if !of_it.is_empty() {
                say(format!("{:>8}: {} ({})", state.word(), of_it.len(), tasks(&of_it)));
            }
        }
        let merge = &self.merge;
        let waits = merge.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let what = match merge.state {
            State::Done => format!("done, in {}", self.directory.join(MERGED).display()),
            state => format!("{}{waits}", state.word()),
        };
        say(format!("{:>8}: {what}", "merge"));
        if merge.state == State::Failed {
            for words in [&merge.problem, &merge.log].into_iter().flatten() {
                say(format!("          {words}"));
            }
        }
        let open: Vec<&Task> = self.tasks.iter().filter(|task| task.state != State::Done).collect();
        if !open.is_empty() {
            say(String::new());
            for line in table(&open).lines() {
                say(line.trim_end().into());
            }
            if open.len() > LISTED {
                say(format!("… and {} more; --json lists all", open.len() - LISTED));
            }
        }
        if !self.commands.is_empty() {
            say(String::new());
            match self.submit_again.as_str() {
                "" => say("Submit the merge again:".into()),
                _ => {
                    say(format!("Submit {} again, and the merge after them:", tasks(&self.to_submit().tasks)))
                }
            }
            for command in &self.commands {
                say(format!("  {command}"));
            }
        }
        text
    }
}

/// `task 3`, `tasks 1-3,7`
pub fn tasks(numbers: &[u64]) -> String {
    let s = if numbers.len() == 1 { "" } else { "s" };
    format!("task{s} {}", list(numbers))
}

/// Tasks that are not done, one a row.
fn table(tasks: &[&Task]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["task", "state", "runs done", "job", "problem, or last line of the log"]);
    for task in tasks.iter().take(LISTED) {
        let state = match (&task.reason, task.restarts) {
            (Some(reason), _) => format!("{} ({reason})", task.state.word()),
            (None, Some(restarts)) if restarts > 0 => format!("{} (restart {restarts})", task.state.word()),
            _ => task.state.word().to_string(),
        };
        table.add_row([
            task.task.to_string(),
            state,
            format!("{} of {}", task.runs_finished, task.runs),
            task.job.clone().unwrap_or_default(),
            task.problem.clone().or_else(|| task.log.clone()).unwrap_or_default(),
        ]);
    }
    table
}

/// Shell commands that submit it.
fn commands(directory: &Path, to_submit: &ToSubmit) -> Vec<String> {
    let script = |name: &str| quoted(&directory.join(name).to_string_lossy());
    let mut commands = Vec::new();
    let mut after = to_submit.after.clone();
    if !to_submit.tasks.is_empty() {
        commands.push(format!(
            "job=$(sbatch --parsable --array={} {})",
            list(&to_submit.tasks),
            script(ARRAY)
        ));
        // In a federation its name follows the number.
        after.insert(0, "${job%%;*}".into());
    }
    if to_submit.merge {
        let after: String = after.iter().map(|job| format!(":{job}")).collect();
        let dependency = if after.is_empty() { after } else { format!("--dependency=afterany{after} ") };
        commands.push(format!("sbatch {dependency}{}", script(MERGE)));
    }
    commands
}
