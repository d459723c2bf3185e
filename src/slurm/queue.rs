//! What `squeue` says of tasks that are not over.

use super::ask;
use crate::output::Submission;

/// How a task stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its first start.
    Pending,
    /// It was started before, and waits to be started again.
    Requeued,
    /// It has a node.
    Running,
}

/// A line of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its job, without the number of a task.
    pub job: String,
    /// Number of the task, if it is one of an array.
    pub task: Option<u64>,
    /// Name of the job.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// How often it was started again.
    pub restarts: u64,
    /// Slurm's word for why it waits: `Resources`, `Priority`, `BeginTime`, `JobHeldAdmin`, …; empty while it runs.
    pub reason: String,
}

/// The fields that are asked for, wide enough that none is cut. Only the last may have spaces.
const FIELDS: &str = "JobArrayID:60,State:30,RestartCnt:20,Name:160,Reason:80";

/// Asks for the tasks and the merge of a submission, those that were submitted by hand as well.
///
/// # Errors
/// Where there is no `squeue` or it did not answer, in words.
pub fn look(submission: &Submission) -> Result<Vec<Queued>, String> {
    let names = format!("{},{}", submission.job_name, submission.merge_name());
    // All states, because the user's environment may have others chosen; those that are over are passed over below.
    let arguments = [
        "--noheader".into(),
        "--array".into(),
        "--states=all".into(),
        format!("--name={names}"),
        format!("--Format={FIELDS}"),
    ];
    ask("squeue", &arguments).map(|text| text.lines().filter_map(parse).collect())
}

/// A line of what was asked for; `None` if the job is over or the line is of another kind.
fn parse(line: &str) -> Option<Queued> {
    let mut words = line.split_whitespace();
    let (id, state, restarts, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (job, task) = match id.split_once('_') {
        Some((job, task)) => (job, Some(task.parse().ok()?)),
        None => (id, None),
    };
    let restarts: u64 = restarts.parse().ok()?;
    let standing = match state {
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" if restarts > 0 => {
            Standing::Requeued
        }
        "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" => Standing::Pending,
        "BOOT_FAIL" | "CANCELLED" | "COMPLETED" | "DEADLINE" | "FAILED" | "NODE_FAIL" | "OUT_OF_MEMORY"
        | "PREEMPTED" | "REVOKED" | "TIMEOUT" => return None,
        _ => Standing::Running,
    };
    let reason = words.collect::<Vec<_>>().join(" ");
    let reason = if reason == "None" { String::new() } else { reason };
    Some(Queued { job: job.into(), task, name: name.into(), standing, restarts, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_queue_are_read() {
        let seen = "\
1_4       PENDING    0   xor-scale-3f9a2b7c        Resources
1_1       PENDING    1   xor-scale-3f9a2b7c        BeginTime
2         PENDING    0   xor-scale-3f9a2b7c-merge  Dependency
1_3       RUNNING    2   xor-scale-3f9a2b7c        None
1_2       COMPLETING 0   xor-scale-3f9a2b7c        None
1_6       PENDING    0   xor-scale-3f9a2b7c        Nodes required for job are DOWN
1_5       CANCELLED  0   xor-scale-3f9a2b7c        None
";
        let queue: Vec<Queued> = seen.lines().filter_map(parse).collect();
        let short: Vec<_> =
            queue.iter().map(|q| (q.task, q.standing, q.restarts, q.reason.as_str())).collect();
        assert_eq!(
            short,
            [
                (Some(4), Standing::Pending, 0, "Resources"),
                (Some(1), Standing::Requeued, 1, "BeginTime"),
                (None, Standing::Pending, 0, "Dependency"),
                (Some(3), Standing::Running, 2, ""),
                (Some(2), Standing::Running, 0, ""),
                (Some(6), Standing::Pending, 0, "Nodes required for job are DOWN"),
            ]
        );
        assert!(queue.iter().enumerate().all(|(i, q)| q.job == if i == 2 { "2" } else { "1" }));
        assert_eq!(queue[2].name, "xor-scale-3f9a2b7c-merge");
    }

    #[test]
    fn what_is_no_line_of_the_queue_is_passed_over() {
        for line in ["", "slurm_load_jobs error", "1_[2-3] PENDING 0 name None", "1_2 PENDING many name None"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
