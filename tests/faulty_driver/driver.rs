//! A Vulkan driver that goes wrong when it is told to, and else hands everything to another driver: a device that is lost, that
//! hangs, or that has little memory, as the program above sees it. Compiled by the tests, loaded by the Vulkan loader.
//!
//! `FAULTY_DRIVER` names the other driver's library. `FAULTS` holds `KIND=VALUE` with commas between:
//! - `lose=N`: with the Nth submission of work, counted from 1, the device that it is given to is lost.
//! - `gone=FILE`: from the first wait on at which FILE holds something, every device is lost, and none can be opened.
//! - `hang=N`: the Nth submission, and what that device is given after it, is never done.
//! - `memory=N`: allocations beyond N MiB in all fail.
//!
//! Submissions are counted and not waits, of which there are as many as the device is slower than the program.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::transmute;
use std::sync::{LazyLock, Mutex, MutexGuard};

type Function = *const c_void;
type ProcAddr = unsafe extern "C" fn(Function, *const c_char) -> Function;
/// A device, a semaphore or memory: their handles are 64 bits wide.
type Handle = u64;

const SUCCESS: c_int = 0;
const TIMEOUT: c_int = 2;
const OUT_OF_DEVICE_MEMORY: c_int = -2;
const INITIALIZATION_FAILED: c_int = -3;
const DEVICE_LOST: c_int = -4;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> Function;
}

/// The head of `VkSemaphoreWaitInfo`.
#[repr(C)]
struct WaitInfo {
    kind: c_int,
    next: *const c_void,
    flags: u32,
    count: u32,
    semaphores: *const Handle,
    values: *const u64,
}

/// The head of `VkSemaphoreCreateInfo` and of `VkSemaphoreTypeCreateInfo`.
#[repr(C)]
struct CreateInfo {
    kind: c_int,
    next: *const CreateInfo,
    semaphore_type: c_int,
}

const SEMAPHORE_TYPE_CREATE_INFO: c_int = 1_000_207_002;
const TIMELINE: c_int = 1;

/// `VkSubmitInfo`
#[repr(C)]
struct SubmitInfo {
    kind: c_int,
    next: *const c_void,
    wait_count: u32,
    waits: *const Handle,
    stages: *const u32,
    command_buffer_count: u32,
    command_buffers: *const Function,
    signal_count: u32,
    signals: *const Handle,
}

/// The head of `VkMemoryAllocateInfo`.
#[repr(C)]
struct AllocateInfo {
    kind: c_int,
    next: *const c_void,
    bytes: u64,
}

#[derive(Default)]
struct State {
    lose: Option<u64>,
    gone: Option<String>,
    hang: Option<u64>,
    /// Bytes.
    memory: Option<u64>,
    submissions: u64,
    /// Semaphores that count what is done, with the device of each.
    timelines: HashMap<Handle, usize>,
    /// Semaphores of devices that are lost.
    lost: HashSet<Handle>,
    /// Semaphores of devices that hang, and how far they were.
    hanging: HashMap<Handle, u64>,
    allocated: HashMap<Handle, u64>,
    /// The other driver's functions, by the names that are asked for.
    real: HashMap<&'static str, usize>,
}

impl State {
    fn is_gone(&self) -> bool {
        let holds_something = |file: &String| std::fs::metadata(file).is_ok_and(|file| file.len() > 0);
        self.gone.as_ref().is_some_and(holds_something)
    }
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| {
    let mut state = State::default();
    for fault in std::env::var("FAULTS").unwrap_or_default().split(',').filter(|fault| !fault.is_empty()) {
        let (kind, value) = fault.split_once('=').expect("KIND=VALUE");
        let number = || value.parse::<u64>().expect("a number");
        match kind {
            "lose" => state.lose = Some(number()),
            "gone" => state.gone = Some(value.to_string()),
            "hang" => state.hang = Some(number()),
            "memory" => state.memory = Some(number() << 20),
            _ => panic!("no such fault: {fault}"),
        }
    }
    Mutex::new(state)
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().expect("no call panics")
}

/// A function that the other driver's library exports.
fn exported(name: &CStr) -> Function {
    static LIBRARY: LazyLock<usize> = LazyLock::new(|| {
        let path = CString::new(std::env::var("FAULTY_DRIVER").expect("FAULTY_DRIVER")).expect("a path");
        const NOW: c_int = 2;
        // SAFETY: a driver may be loaded.
        let library = unsafe { dlopen(path.as_ptr(), NOW) };
        assert!(!library.is_null(), "FAULTY_DRIVER cannot be loaded");
        library as usize
    });
    // SAFETY: the library stays loaded.
    unsafe { dlsym(*LIBRARY as *mut c_void, name.as_ptr()) }
}

/// The stand-ins, by the names of what they stand in for.
fn stand_in(name: &str) -> Option<(&'static str, Function)> {
    Some(match name {
        "vkCreateDevice" => ("vkCreateDevice", create_device as Function),
        "vkCreateSemaphore" => ("vkCreateSemaphore", create_semaphore as Function),
        "vkGetDeviceProcAddr" => ("vkGetDeviceProcAddr", get_device_proc_addr as Function),
        "vkQueueSubmit" => ("vkQueueSubmit", submit as Function),
        "vkWaitSemaphores" => ("vkWaitSemaphores", wait_semaphores as Function),
        "vkWaitSemaphoresKHR" => ("vkWaitSemaphores", wait_semaphores as Function),
        "vkGetSemaphoreCounterValue" => ("vkGetSemaphoreCounterValue", counter as Function),
        "vkGetSemaphoreCounterValueKHR" => ("vkGetSemaphoreCounterValue", counter as Function),
        "vkAllocateMemory" => ("vkAllocateMemory", allocate as Function),
        "vkFreeMemory" => ("vkFreeMemory", free as Function),
        _ => return None,
    })
}

/// `real`, or its stand-in where there is one.
unsafe fn answer(real: Function, name: *const c_char) -> Function {
    // SAFETY: the loader gives names.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default();
    match stand_in(name) {
        Some((known_as, function)) if !real.is_null() => {
            state().real.insert(known_as, real as usize);
            function
        }
        _ => real,
    }
}

fn real(name: &str) -> usize {
    state().real[name]
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vk_icdNegotiateLoaderICDInterfaceVersion(version: *mut u32) -> c_int {
    let negotiate = exported(c"vk_icdNegotiateLoaderICDInterfaceVersion");
    // SAFETY: every driver of this decade exports it, with this signature.
    unsafe { transmute::<Function, unsafe extern "C" fn(*mut u32) -> c_int>(negotiate)(version) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vk_icdGetInstanceProcAddr(instance: Function, name: *const c_char) -> Function {
    // SAFETY: as above.
    unsafe {
        let get = transmute::<Function, ProcAddr>(exported(c"vk_icdGetInstanceProcAddr"));
        answer(get(instance, name), name)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vk_icdGetPhysicalDeviceProcAddr(instance: Function, name: *const c_char) -> Function {
    let get = exported(c"vk_icdGetPhysicalDeviceProcAddr");
    if get.is_null() {
        return get;
    }
    // SAFETY: as above.
    unsafe { answer(transmute::<Function, ProcAddr>(get)(instance, name), name) }
}

unsafe extern "C" fn get_device_proc_addr(device: Function, name: *const c_char) -> Function {
    // SAFETY: the other driver gave it under this name.
    unsafe {
        let get = transmute::<usize, ProcAddr>(real("vkGetDeviceProcAddr"));
        answer(get(device, name), name)
    }
}

unsafe extern "C" fn create_device(
    adapter: Function,
    info: *const c_void,
    allocator: *const c_void,
    device: *mut Function,
) -> c_int {
    if state().is_gone() {
        return INITIALIZATION_FAILED;
    }
    type Create = unsafe extern "C" fn(Function, *const c_void, *const c_void, *mut Function) -> c_int;
    // SAFETY: the other driver gave it under this name.
    unsafe { transmute::<usize, Create>(real("vkCreateDevice"))(adapter, info, allocator, device) }
}

unsafe extern "C" fn create_semaphore(
    device: Function,
    info: *const CreateInfo,
    allocator: *const c_void,
    semaphore: *mut Handle,
) -> c_int {
    type Create = unsafe extern "C" fn(Function, *const CreateInfo, *const c_void, *mut Handle) -> c_int;
    // SAFETY: the other driver gave it under this name.
    let result =
        unsafe { transmute::<usize, Create>(real("vkCreateSemaphore"))(device, info, allocator, semaphore) };
    // SAFETY: the program gives a place for it, and what kind it is in the first entry of the chain, if it is not the usual
    // one.
    let (handle, kind) = unsafe { (*semaphore, (*info).next) };
    // SAFETY: as above.
    let is_timeline = !kind.is_null()
        && unsafe { (*kind).kind == SEMAPHORE_TYPE_CREATE_INFO && (*kind).semaphore_type == TIMELINE };
    let mut now = state();
    // It may have the handle of one that is no more.
    now.lost.remove(&handle);
    now.hanging.remove(&handle);
    now.timelines.remove(&handle);
    if is_timeline {
        now.timelines.insert(handle, device as usize);
    }
    result
}

unsafe extern "C" fn submit(queue: Function, count: u32, submits: *const SubmitInfo, fence: Handle) -> c_int {
    // SAFETY: the program gives so many, each with so many semaphores.
    let signals: Vec<Handle> = unsafe {
        (0..count as usize)
            .map(|i| &*submits.add(i))
            .flat_map(|info| (0..info.signal_count as usize).map(|i| *info.signals.add(i)))
            .collect()
    };
    let mut now = state();
    let timelines: Vec<(Handle, usize)> =
        signals.iter().filter_map(|signal| Some((*signal, *now.timelines.get(signal)?))).collect();
    now.submissions += 1;
    if now.lose == Some(now.submissions) {
        now.lost.extend(timelines.iter().map(|(semaphore, _)| semaphore));
    }
    let hangs = now.hang == Some(now.submissions);
    drop(now);
    if hangs {
        for (semaphore, device) in timelines {
            let mut reached = 0;
            // SAFETY: the device that it was created on.
            unsafe { counter(device as Function, semaphore, &mut reached) };
            state().hanging.insert(semaphore, reached);
        }
    }
    type Submit = unsafe extern "C" fn(Function, u32, *const SubmitInfo, Handle) -> c_int;
    // SAFETY: the other driver gave it under this name.
    unsafe { transmute::<usize, Submit>(real("vkQueueSubmit"))(queue, count, submits, fence) }
}

unsafe extern "C" fn wait_semaphores(device: Function, info: *const WaitInfo, nanoseconds: u64) -> c_int {
    // SAFETY: the program waits for one semaphore at least.
    let semaphore = unsafe { *(*info).semaphores };
    let mut now = state();
    if now.is_gone() {
        now.lost.insert(semaphore);
    }
    if now.lost.contains(&semaphore) {
        return DEVICE_LOST;
    }
    if now.hanging.contains_key(&semaphore) {
        // Without the wait: a test has better things to do.
        return TIMEOUT;
    }
    drop(now);
    // SAFETY: the other driver gave it under this name.
    unsafe {
        let wait = real("vkWaitSemaphores");
        transmute::<usize, unsafe extern "C" fn(Function, *const WaitInfo, u64) -> c_int>(wait)(
            device,
            info,
            nanoseconds,
        )
    }
}

unsafe extern "C" fn counter(device: Function, semaphore: Handle, value: *mut u64) -> c_int {
    let now = state();
    if now.lost.contains(&semaphore) {
        return DEVICE_LOST;
    }
    if let Some(reached) = now.hanging.get(&semaphore) {
        // SAFETY: the program gives a place for it.
        unsafe { *value = *reached };
        return SUCCESS;
    }
    drop(now);
    // SAFETY: the other driver gave it under this name.
    unsafe {
        let get = real("vkGetSemaphoreCounterValue");
        transmute::<usize, unsafe extern "C" fn(Function, Handle, *mut u64) -> c_int>(get)(
            device, semaphore, value,
        )
    }
}

unsafe extern "C" fn allocate(
    device: Function,
    info: *const AllocateInfo,
    allocator: *const c_void,
    memory: *mut Handle,
) -> c_int {
    // SAFETY: the program gives one.
    let bytes = unsafe { (*info).bytes };
    let now = state();
    let all: u64 = now.allocated.values().sum();
    if now.memory.is_some_and(|most| all + bytes > most) {
        return OUT_OF_DEVICE_MEMORY;
    }
    drop(now);
    type Allocate = unsafe extern "C" fn(Function, *const AllocateInfo, *const c_void, *mut Handle) -> c_int;
    // SAFETY: the other driver gave it under this name.
    let result =
        unsafe { transmute::<usize, Allocate>(real("vkAllocateMemory"))(device, info, allocator, memory) };
    if result == SUCCESS {
        // SAFETY: it was given.
        state().allocated.insert(unsafe { *memory }, bytes);
    }
    result
}

unsafe extern "C" fn free(device: Function, memory: Handle, allocator: *const c_void) {
    state().allocated.remove(&memory);
    // SAFETY: the other driver gave it under this name.
    unsafe {
        let free = real("vkFreeMemory");
        transmute::<usize, unsafe extern "C" fn(Function, Handle, *const c_void)>(free)(
            device, memory, allocator,
        );
    }
}
