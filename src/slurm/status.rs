//! What became of each task: the files say what is done, the queue what is to come; a task of which neither knows is to be
//! submitted again.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::SlurmError;
use super::indices::list;
use super::queue::{self, Queued, Standing};
use crate::output::directory;
use crate::output::merge::PLACE;
use crate::output::merge::inputs::{self, Inputs};
use crate::output::shard::{self, Progress};
use crate::output::submission::{ARRAY, LOGS, MERGE, MERGED, SHARDS, SPEC, last_words};
use crate::output::{Manifest, Status, Submission};
use crate::shell::quoted;
use crate::spec::{Shard, first_few, plan};

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
    /// What must be removed before it can succeed, if it is to be submitted again.
    pub in_the_way: Vec<PathBuf>,
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
    /// What is wrong with what lies in the place of its directory, or with the shards.
    pub problem: Option<String>,
    /// What must be removed before it can succeed, if it is to be submitted again.
    pub in_the_way: Vec<PathBuf>,
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
    /// What cannot be read, so that it is not known whether anything submitted again would succeed.
    pub unreadable: Vec<String>,
    /// Files that tasks read and that are not what was submitted, so that tasks would train another plan; empty if no task is
    /// to be submitted again.
    pub changed: Vec<String>,
    /// Shell commands that remove what is in the way and submit again what is to be; none while nothing of that would help.
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
    let submission = if directory.is_dir() { Submission::read(directory)? } else { None };
    let submission = submission.ok_or_else(|| {
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
        unreadable: Vec::new(),
        changed: Vec::new(),
        commands: Vec::new(),
    };
    report.advise(submission);
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
    let place = directory.join(SHARDS).join(task.to_string());
    let (done, runs_finished, problem, in_its_place) = match shard::progress(&place) {
        Ok(Progress::Finished(held)) => match is_of(submission, &held, Some(shard)) {
            Ok(()) => (true, runs, None, false),
            Err(problem) => (false, 0, Some(problem), true),
        },
        Ok(Progress::Runs(runs)) => (false, runs, None, false),
        Err(error) => (false, 0, Some(error.to_string()), error.is_damage()),
    };
    let state = state(done, queued, known);
    let (mut problem, mut in_the_way) = (problem, Vec::new());
    if state == State::Failed {
        in_the_way.extend(in_its_place.then(|| place.clone()));
        for (attempt, why) in shard::stuck(&place, &submission.plan_hash, shard) {
            problem.get_or_insert_with(|| format!("{}: {why}", attempt.display()));
            in_the_way.push(attempt);
        }
    }
    Task {
        task,
        state,
        runs,
        runs_finished,
        job: queued.map(|q| format!("{}_{task}", q.job)),
        reason: queued.map(|q| q.reason.clone()).filter(|reason| !reason.is_empty()),
        restarts: queued.map(|q| q.restarts),
        problem,
        in_the_way,
        log: last_words(&directory.join(LOGS).join(format!("{task}.log"))),
    }
}

fn look_at_merge(directory: &Path, submission: &Submission, queued: Option<&Queued>, known: bool) -> Merge {
    let place = directory.join(MERGED);
    let (done, problem) = match Manifest::read(&place) {
        Ok(Some(held)) => match is_of(submission, &held, None) {
            Err(problem) => (false, Some((problem, true))),
            Ok(()) if held.status == Status::Finished => match held.check(&place) {
                Ok(()) => (true, None),
                Err(error) => (false, Some((error.to_string(), error.is_damage()))),
            },
            Ok(()) if held.status == Status::Unfinished => (
                false,
                Some(("it holds a sweep that is not finished, where only a merge is put".into(), true)),
            ),
            // What an incomplete merge has, one that has more runs replaces.
            Ok(()) => (false, None),
        },
        // What lies beside an unfinished merge is a part of it.
        Ok(None) => match directory::holds_files(&place) {
            Ok(true) if !place.join(PLACE).is_dir() => {
                (false, Some(("it holds files but no sweep, where the merge is to be put".into(), true)))
            }
            Ok(_) => (false, None),
            Err(error) => (false, Some((error.to_string(), error.is_damage()))),
        },
        Err(error) => (false, Some((error.to_string(), error.is_damage()))),
    };
    let state = state(done, queued, known);
    let (problem, in_its_place) = problem.map_or((None, false), |(problem, it)| (Some(problem), it));
    Merge {
        state,
        job: queued.map(|q| q.job.clone()),
        reason: queued.map(|q| q.reason.clone()).filter(|reason| !reason.is_empty()),
        problem,
        in_the_way: (state == State::Failed && in_its_place).then_some(place).into_iter().collect(),
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
        let differences = plan::differences((&held.spec, "there"), (&submission.spec, "submitted"));
        return Err(format!(
            "it holds another plan than was submitted ({})",
            first_few(differences).join("; ")
        ));
    }
    if held.shard != shard {
        return Err("it holds other runs than it should".into());
    }
    Ok(())
}

impl Report {
    /// Finds out what is to be submitted again, and what keeps that from helping.
    fn advise(&mut self, submission: &Submission) {
        let all_done = self.tasks.iter().all(|task| task.state == State::Done);
        if all_done && self.merge.state == State::Failed && self.merge.in_the_way.is_empty() {
            self.find_what_the_merge_failed_at();
        }
        let failed = self.tasks.iter().filter(|task| task.state == State::Failed);
        let problems = failed.map(|task| (tasks(&[task.task]), &task.problem, &task.in_the_way)).chain(
            (self.merge.state == State::Failed)
                .then(|| ("merge".to_string(), &self.merge.problem, &self.merge.in_the_way)),
        );
        self.unreadable = problems
            .filter(|(_, _, in_the_way)| in_the_way.is_empty())
            .filter_map(|(whose, problem, _)| Some(format!("{whose}: {}", problem.as_ref()?)))
            .collect();
        let to_submit = self.to_submit();
        self.submit_again = list(&to_submit.tasks);
        if !to_submit.tasks.is_empty() {
            self.changed = submission.changed().into_iter().map(in_words).collect();
        }
        if self.unreadable.is_empty() && self.changed.is_empty() {
            self.commands = self.removal().into_iter().chain(commands(&self.directory, &to_submit)).collect();
        }
    }

    /// Where all shards are there and their merge failed, one may not hold any more what was written. That takes reading all
    /// of them, as the merge does.
    fn find_what_the_merge_failed_at(&mut self) {
        let place = |task: u64| self.directory.join(SHARDS).join(task.to_string());
        let places: Vec<PathBuf> = self.tasks.iter().map(|task| place(task.task)).collect();
        let inputs = Inputs::read(&places, &self.directory.join(MERGED));
        let found = inputs.and_then(|inputs| {
            let damaged = inputs::damaged(&inputs.parts)?;
            let found = damaged.iter().map(|(part, file, problem)| {
                (part.directory.clone(), format!("{}: {problem}", part.directory.join(file).display()))
            });
            Ok(found.collect::<Vec<_>>())
        });
        match found {
            Ok(found) => {
                for (task, place) in self.tasks.iter_mut().zip(places) {
                    let Some((_, problem)) = found.iter().find(|(directory, _)| *directory == place) else {
                        continue;
                    };
                    task.state = State::Failed;
                    task.runs_finished = 0;
                    task.problem = Some(problem.clone());
                    task.in_the_way.push(place);
                }
            }
            Err(error) => self.merge.problem = Some(error.to_string()),
        }
    }

    /// Of the tasks, and the merge, that have something in the way: which it is, and what is wrong with that.
    pub fn obstacles(&self) -> Vec<(String, &str)> {
        let of_tasks = self.tasks.iter().filter(|task| !task.in_the_way.is_empty());
        let of_tasks = of_tasks.map(|task| (tasks(&[task.task]), task.problem.as_deref()));
        let of_merge =
            (!self.merge.in_the_way.is_empty()).then(|| ("merge".into(), self.merge.problem.as_deref()));
        of_tasks.chain(of_merge).filter_map(|(whose, problem)| Some((whose, problem?))).collect()
    }

    /// The shell command that removes what is in the way; `None` if nothing is.
    pub fn removal(&self) -> Option<String> {
        let of_tasks = self.tasks.iter().flat_map(|task| &task.in_the_way);
        let words: Vec<String> =
            of_tasks.chain(&self.merge.in_the_way).map(|path| quoted(&path.to_string_lossy())).collect();
        (!words.is_empty()).then(|| format!("rm -r {}", words.join(" ")))
    }

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
        if !self.unreadable.is_empty() || !self.changed.is_empty() {
            say(String::new());
            say("Submitting again would not help before this is seen to:".into());
            self.unreadable.iter().for_each(|why| say(format!("  {why}")));
            self.changed.iter().for_each(|why| say(format!("  {why}")));
        }
        if !self.commands.is_empty() {
            say(String::new());
            let submit = match self.submit_again.as_str() {
                "" => "ubmit the merge again:".to_string(),
                _ => format!("ubmit {} again, and the merge after them:", tasks(&self.to_submit().tasks)),
            };
            let obstacles = self.obstacles();
            match obstacles.is_empty() {
                true => say(format!("S{submit}")),
                false => {
                    let whose: Vec<String> = obstacles.into_iter().map(|(whose, _)| whose).collect();
                    say(format!(
                        "Remove what is in the way of {}, which nothing else replaces, and s{submit}",
                        first_few(whose).join(", ")
                    ));
                }
            }
            for command in &self.commands {
                say(format!("  {command}"));
            }
        }
        text
    }
}

/// A file that is not what was submitted, and what helps.
fn in_words((path, problem): (&Path, String)) -> String {
    let help = match path.ends_with(SPEC) {
        true => "give the first `symbreak slurm` command again, which writes it anew",
        false => "put it back as it was, or submit the sweep as it is now to another place with --out DIR",
    };
    format!("{} {problem}, so tasks would train another plan; {help}", path.display())
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
