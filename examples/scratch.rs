use std::sync::Arc;
use symbreak::engine::*;
use symbreak::net::*;
use symbreak::task::*;
pub fn program(hidden: Vec<usize>, act: Activation, steps: u32) -> Program {
    let data = Data::boolean(Boolean::Xor, 2, Encoding::ZeroOne, Encoding::ZeroOne);
    Program {
        shape: Shape {
            inputs: 2,
            hidden,
            outputs: 1,
            activation: act,
            output: Activation::Logistic,
            readout: Readout::Trained,
            bias: true,
            skip: false,
        },
        data: Arc::new(data),
        loss: Loss::Mse,
        optimizer: Optimizer::Momentum,
        init: Init { base: Base::Zero, noise: Noise::Uniform, gain: Gain::None },
        steps,
        stop_when_solved: false,
        criterion: Criterion::Error,
    }
}
pub fn run(seed: u64, scale: f64) -> Run {
    Run {
        seed,
        base_value: 0.5,
        scale,
        bias_scale: scale,
        lr: 0.5,
        momentum: 0.9,
        weight_decay: 0.0,
        solved_limit: 0.4,
        symmetry_tolerance: 0.1,
        traced: false,
    }
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let steps: u32 = args.get(1).map(|t| t.parse().unwrap()).unwrap_or(1000);
    let mut c = cpu::CpuEngine::new(None).unwrap();
    let mut g = gpu::GpuEngine::new(gpu::Options { software: true, ..Default::default() }).unwrap();
    println!("{:?}", g.description());
    for h in [vec![2], vec![8], vec![32], vec![16, 16]] {
        let p = program(h.clone(), Activation::Logistic, steps);
        if args.len() > 2 {
            let k = gpu::shader::kernel(&p, gpu::shader::Target::SOFTWARE).unwrap();
            println!("{}", k.measure);
            println!("//////");
            println!("{}", k.train);
            return;
        }
        println!("{:?}", g.placement(&p));
        let n = if h[0] < 10 { 16384 * 2 / h[0] } else { 256 };
        let runs: Vec<Run> = (0..n as u64).map(|s| run(s, 1.0)).collect();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let b = Batch { program: &p, runs: &runs, start: Start::Drawn { master: 0 }, keep_parameters: true };
        let w = Watch { interrupted: &stop, finished: &|_| () };
        let mut out = vec![];
        for e in [&mut c as &mut dyn Engine, &mut g] {
            let t = std::time::Instant::now();
            e.train(&b, &w).unwrap();
            println!("first {:.2}", t.elapsed().as_secs_f64());
            let t = std::time::Instant::now();
            let r = e.train(&b, &w).unwrap();
            let dt = t.elapsed().as_secs_f64();
            let solved = r.runs.iter().filter(|r| r.solve_step.is_some()).count();
            println!(
                "{h:?} {} {:.3e} net-steps/s, {dt:.2} s, solved {} of {n}, {:?}",
                e.description().backend,
                n as f64 * steps as f64 / dt,
                solved,
                r.runs[0].last
            );
            out.push(r);
        }
        let (a, b) = (&out[0], &out[1]);
        let pa = a.parameters.as_ref().unwrap();
        let pb = b.parameters.as_ref().unwrap();
        println!(
            "init equal bits {} of {}; last max diff {:e}",
            pa.initial.iter().zip(&pb.initial).filter(|(x, y)| x.to_bits() == y.to_bits()).count(),
            pa.initial.len(),
            pa.last.iter().zip(&pb.last).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
        );
        let d = a
            .runs
            .iter()
            .zip(&b.runs)
            .filter(|(x, y)| {
                x.last.symmetry != y.last.symmetry || x.solve_step.is_some() != y.solve_step.is_some()
            })
            .count();
        println!("labels differ: {d}");
    }
}
