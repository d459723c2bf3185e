//! What is to be submitted, and `sbatch`.

use std::path::Path;

use super::indices::list;
use super::script::{self, Places, Resources};
use super::status::{self, Report, ToSubmit};
use super::{SlurmError, ask};
use crate::output::Submission;
use crate::output::submission::{ARRAY, MERGE, Place, held};
use crate::shell::quoted;
use crate::spec::{Plan, first_few};

/// A sweep that is to be submitted, before anything is written.
#[derive(Clone, Debug)]
pub struct Request<'p> {
    /// What is to be run.
    pub plan: &'p Plan,
    /// Tasks that it is cut into.
    pub tasks: u64,
    /// What each task gives to `symbreak run` besides the spec, its shard and its place.
    pub run_arguments: Vec<String>,
    /// What the jobs ask for.
    pub resources: Resources,
    /// Where they run.
    pub places: Places,
    /// The directory as the user wrote it.
    pub shown: &'p Path,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Jobs were submitted: the last of those in `slurm.json`.
    Submitted(Box<Submission>),
    /// There was nothing to submit: everything is done or in the queue.
    Nothing(Box<Report>),
}

/// Everything that a request would write and do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// `array.sbatch`
    pub array: String,
    /// `merge.sbatch`
    pub merge: String,
    /// The calls of sbatch, as a shell takes them.
    pub commands: Vec<String>,
}

impl Request<'_> {
    /// Checks what can be checked without the cluster.
    fn submission(&self) -> Result<Submission, SlurmError> {
        let runs = self.plan.runs();
        if self.tasks > runs {
            return Err(SlurmError::Refused(format!(
                "--tasks {}: the sweep has {runs} runs, so at most as many tasks",
                self.tasks
            )));
        }
        self.resources.check()?;
        for path in [&self.places.program, &self.places.directory, &self.places.working] {
            script::check_path(path)?;
        }
        let Places { directory, working, .. } = &self.places;
        Ok(Submission::new(self.plan, self.tasks, self.run_arguments.clone(), directory, working))
    }

    /// What is to be submitted: everything, or what an earlier submission left undone.
    fn to_submit(&self, earlier: Option<&Submission>) -> Result<(ToSubmit, Option<Report>), SlurmError> {
        if earlier.is_none() {
            let all = ToSubmit { tasks: (1..=self.tasks).collect(), merge: true, after: Vec::new() };
            return Ok((all, None));
        }
        let report = status::look(self.shown)?;
        if let Some(problem) = &report.queue_problem {
            return Err(SlurmError::Cluster(format!(
                "{} was submitted before, and the queue does not answer ({problem}), so what is still in it is not known; \
                 try again when it does",
                self.shown.display()
            )));
        }
        let cannot = |why: String| {
            Err(SlurmError::Cluster(format!("nothing is submitted, for some of it cannot succeed: {why}")))
        };
        // Files that tasks read are as they should be: the plan is the same as before, and spec.toml is written anew.
        if let Some(why) = report.unreadable.first() {
            return cannot(format!("{why}; see to that first"));
        }
        if let Some(remove) = report.removal() {
            let problems: Vec<String> = report
                .obstacles()
                .into_iter()
                .map(|(whose, problem)| format!("{whose}: {problem}"))
                .collect();
            return cannot(format!(
                "{}; remove what is in the way, and give this command again: {remove}",
                first_few(problems).join("; ")
            ));
        }
        Ok((report.to_submit(), Some(report)))
    }

    /// What would be written and submitted; nothing is touched.
    pub fn preview(&self) -> Result<Preview, SlurmError> {
        let submission = self.submission()?;
        let earlier = held(self.shown, self.plan, &submission)?;
        let (to_submit, _) = self.to_submit(earlier.as_ref())?;
        let shell =
            |arguments: &[String]| arguments.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let mut commands = Vec::new();
        if !to_submit.tasks.is_empty() {
            commands.push(format!("sbatch {}", shell(&self.array_arguments(&to_submit))));
        }
        if to_submit.merge {
            let array = (!to_submit.tasks.is_empty()).then_some("JOBID");
            commands.push(format!("sbatch {}", shell(&self.merge_arguments(&to_submit, array))));
        }
        Ok(Preview {
            array: script::array(&submission, &self.resources, &self.places),
            merge: script::merge(&submission, &self.resources, &self.places),
            commands,
        })
    }

    /// Writes the scripts and submits them. Where the same was submitted before, only what is neither done nor in the queue.
    ///
    /// # Errors
    /// Where the directory holds something else, or something damaged that a task or the merge would fail at, or Slurm
    /// refused; if it took the array but not the merge, the text says how to submit that.
    pub fn submit(&self) -> Result<Outcome, SlurmError> {
        let wanted = self.submission()?;
        ask("sbatch", &["--version".into()]).map_err(|problem| {
            SlurmError::Cluster(format!(
                "{problem}: `symbreak slurm` submits with Slurm's own programs, so run it where they are, on a login node of \
                 the cluster; --dry-run shows the scripts anywhere"
            ))
        })?;
        let (place, earlier) = Place::enter(self.shown, self.plan, &wanted)?;
        let (to_submit, report) = self.to_submit(earlier.as_ref())?;
        if let Some(report) = report.filter(|_| to_submit.tasks.is_empty() && !to_submit.merge) {
            return Ok(Outcome::Nothing(Box::new(report)));
        }
        let mut submission =
            Submission { submitted: earlier.map_or_else(Vec::new, |e| e.submitted), ..wanted };
        place.prepare(
            self.plan,
            &[
                (ARRAY, &script::array(&submission, &self.resources, &self.places)),
                (MERGE, &script::merge(&submission, &self.resources, &self.places)),
            ],
        )?;
        // Before anything is in the queue under its name.
        submission.write(self.shown)?;
        let array = match to_submit.tasks.is_empty() {
            true => None,
            false => Some(sbatch(&self.array_arguments(&to_submit)).map_err(SlurmError::Cluster)?),
        };
        let merge_arguments = self.merge_arguments(&to_submit, array.as_deref());
        let merge = sbatch(&merge_arguments);
        submission.add(self.shown, list(&to_submit.tasks), array.clone(), merge.clone().ok())?;
        match (merge, array) {
            (Ok(_), _) => Ok(Outcome::Submitted(Box::new(submission))),
            (Err(problem), None) => Err(SlurmError::Cluster(problem)),
            (Err(problem), Some(array)) => {
                let words: Vec<String> = merge_arguments.iter().map(|word| quoted(word)).collect();
                Err(SlurmError::Cluster(format!(
                    "the array is submitted as job {array}, the merge is not: {problem}; submit it with: sbatch {}",
                    words.join(" ")
                )))
            }
        }
    }

    fn array_arguments(&self, to_submit: &ToSubmit) -> Vec<String> {
        let mut arguments = vec!["--parsable".to_string()];
        if to_submit.tasks.len() as u64 != self.tasks {
            arguments.push(format!("--array={}", list(&to_submit.tasks)));
        }
        arguments.push(self.shown.join(ARRAY).to_string_lossy().into_owned());
        arguments
    }

    /// The merge starts when all tasks are over, however they ended: if one failed it fails as well, and its log says which
    /// runs are missing. If it waited for their success it would wait in the queue for ever.
    fn merge_arguments(&self, to_submit: &ToSubmit, array: Option<&str>) -> Vec<String> {
        let mut arguments = vec!["--parsable".to_string()];
        let after = array.into_iter().chain(to_submit.after.iter().map(String::as_str));
        let after: String = after.map(|job| format!(":{job}")).collect();
        if !after.is_empty() {
            arguments.push(format!("--dependency=afterany{after}"));
        }
        arguments.push(self.shown.join(MERGE).to_string_lossy().into_owned());
        arguments
    }
}

/// Submits; gives the job's number.
fn sbatch(arguments: &[String]) -> Result<String, String> {
    let said = ask("sbatch", arguments).map_err(|problem| {
        let advice = if problem.contains("job array") {
            "; the cluster may take fewer tasks (scontrol show config | grep MaxArraySize): use fewer with --tasks N"
        } else {
            ""
        };
        format!("sbatch refused: {problem}{advice}")
    })?;
    // In a federation the cluster's name follows.
    let job = said.trim().split(';').next().unwrap_or_default();
    if job.is_empty() || !job.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("sbatch answered {:?}, where the number of a job was expected", said.trim()));
    }
    Ok(job.into())
}
