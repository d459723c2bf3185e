//! AMD's compiler without the hardware: Mesa's RADV on null hardware takes a kernel all the way to machine code
//! and says what became of it. Nothing can be dispatched there.
//!
//! wgpu cannot open such a device, so this goes through plain Vulkan. What lies before the driver is what
//! wgpu does: the same SPIR-V writer with the same run-time checks, the same bindings, robust buffers.

#![allow(unsafe_code, reason = "Vulkan is an interface of C")]

use std::ffi::CStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use ash::{Device, Entry, Instance, ext, khr, vk};

/// Where drivers register themselves, in the order of the Vulkan loader.
const FOLDERS: [&str; 3] = ["/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d"];

/// What to do where [`find`] finds nothing.
pub const ABSENT: &str = "RADV, Mesa's Vulkan driver for AMD GPUs, is not installed (Debian and Ubuntu: apt-get install \
    mesa-vulkan-drivers libvulkan1; Fedora: mesa-vulkan-drivers vulkan-loader; Arch: vulkan-radeon)";

/// The registration of RADV for this processor, if it is installed.
pub fn find() -> Option<PathBuf> {
    let arch = std::env::consts::ARCH;
    let names = [format!("radeon_icd.{arch}.json"), "radeon_icd.json".into()];
    FOLDERS
        .iter()
        .flat_map(|folder| names.iter().map(move |name| PathBuf::from(folder).join(name)))
        .find(|path| path.is_file())
}

/// Set in a process whose environment names the driver.
const MARK: &str = "SYMBREAK_NULL_HARDWARE";

/// Whether this process was made by [`again`].
pub fn named() -> bool {
    std::env::var_os(MARK).is_some()
}

/// This program again, with the driver and a family of GPUs named in its environment, without arguments. The
/// loader and the driver read it there, and a process can only change its own safely before it starts.
///
/// # Errors
/// Where the system does not say which program this is.
pub fn again(driver: PathBuf, family: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(MARK, "1").env("VK_DRIVER_FILES", driver).env("RADV_FORCE_FAMILY", family);
    // Without a window system Mesa's layer that sorts adapters complains on standard error.
    command.env("NODEVICE_SELECT", "1");
    Ok(command)
}

/// The driver with its device of null hardware.
pub struct Compiler {
    /// Name of the device, `AMD RADV NAVI21 …`.
    pub device_name: String,
    /// The driver with its version.
    pub driver: String,
    instance: Instance,
    device: Device,
    executables: khr::pipeline_executable_properties::Device,
    // Last: the functions of all the others lie in its library.
    _entry: Entry,
}

/// What became of one kernel.
pub struct Executable {
    /// The driver's statistics by their names.
    pub statistics: Vec<(String, f64)>,
    /// Disassembly of the machine code, if the driver was built with a disassembler.
    pub assembly: Option<String>,
}

impl Compiler {
    /// Opens the first device of the driver that the environment names.
    ///
    /// # Errors
    /// Where there is no Vulkan loader or driver, or the driver does not know the family.
    pub fn open() -> Result<Compiler> {
        // SAFETY: loads the system's Vulkan loader, whose initialisation is sound; the entry outlives all that
        // comes from it, as it is dropped last.
        let entry = unsafe { Entry::load() }.context("there is no Vulkan loader (Debian: libvulkan1)")?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let create = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: everything that `create` points to lives until the call returns.
        let instance = unsafe { entry.create_instance(&create, None) }.with_context(|| {
            let file = std::env::var("VK_DRIVER_FILES").unwrap_or_default();
            format!("{file:?} is not the registration of a Vulkan driver (--driver)")
        })?;
        // SAFETY: the instance was just made.
        let devices = unsafe { instance.enumerate_physical_devices() }?;
        let Some(&physical) = devices.first() else {
            bail!("RADV offers no device: is the family one that it knows?");
        };
        let mut properties = vk::PhysicalDeviceDriverProperties::default();
        let mut all = vk::PhysicalDeviceProperties2::default().push_next(&mut properties);
        // SAFETY: `physical` is of this instance, the chain lives until the call returns.
        unsafe { instance.get_physical_device_properties2(physical, &mut all) };
        let device_name = text(&all.properties.device_name);
        let driver = format!("{} {}", text(&properties.driver_name), text(&properties.driver_info));

        let extensions =
            [khr::pipeline_executable_properties::NAME.as_ptr(), ext::robustness2::NAME.as_ptr()];
        let mut statistics = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
            .pipeline_executable_info(true);
        let mut robustness = vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true);
        let queue = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let features = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
        let create = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queue)
            .enabled_extension_names(&extensions)
            .enabled_features(&features)
            .push_next(&mut statistics)
            .push_next(&mut robustness);
        // SAFETY: as above; queue family 0 exists on every device.
        let device = unsafe { instance.create_device(physical, &create, None) }
            .with_context(|| format!("{device_name} cannot be opened"))?;
        let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
        Ok(Compiler { device_name, driver, instance, device, executables, _entry: entry })
    }

    /// Compiles the entry point `main` of a shader.
    ///
    /// # Errors
    /// Where the shader is invalid or the driver refuses it.
    pub fn compile(&self, wgsl: &str) -> Result<Executable> {
        let module =
            naga::front::wgsl::parse_str(wgsl).map_err(|e| anyhow::anyhow!(e.emit_to_string(wgsl)))?;
        let code = spirv(&module)?;
        let stage = vk::ShaderStageFlags::COMPUTE;
        let bindings: Vec<_> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| {
                let kind = match variable.space {
                    naga::AddressSpace::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
                    _ => vk::DescriptorType::STORAGE_BUFFER,
                };
                variable.binding.map(|binding| {
                    vk::DescriptorSetLayoutBinding::default()
                        .binding(binding.binding)
                        .descriptor_type(kind)
                        .descriptor_count(1)
                        .stage_flags(stage)
                })
            })
            .collect();
        let bindings = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        let shader = vk::ShaderModuleCreateInfo::default().code(&code);
        // SAFETY: the device is open; what the create infos point to lives until each call returns, and the
        // SPIR-V comes from a validated module. Everything made here is destroyed below, in all cases but a
        // failure in between, after which the process ends with an error.
        unsafe {
            let set = [self.device.create_descriptor_set_layout(&bindings, None)?];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&set);
            let layout = self.device.create_pipeline_layout(&layout, None)?;
            let shader = self.device.create_shader_module(&shader, None)?;
            let create = vk::ComputePipelineCreateInfo::default()
                .flags(
                    vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                        | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
                )
                .layout(layout)
                .stage(
                    vk::PipelineShaderStageCreateInfo::default().stage(stage).module(shader).name(c"main"),
                );
            let pipelines = self.device.create_compute_pipelines(vk::PipelineCache::null(), &[create], None);
            let pipeline = pipelines.map_err(|(_, e)| e).context("the driver does not compile it")?[0];
            let executable = self.inspect(pipeline);
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_shader_module(shader, None);
            self.device.destroy_pipeline_layout(layout, None);
            self.device.destroy_descriptor_set_layout(set[0], None);
            executable
        }
    }

    /// Statistics and disassembly of a pipeline of one executable.
    fn inspect(&self, pipeline: vk::Pipeline) -> Result<Executable> {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(0);
        // SAFETY: the pipeline is of this device and was made with CAPTURE_STATISTICS; a compute pipeline has
        // executable 0.
        let found = unsafe { self.executables.get_pipeline_executable_statistics(&info) }?;
        let statistics = found
            .iter()
            .map(|statistic| {
                // SAFETY: `format` says which member was written.
                let value = unsafe {
                    match statistic.format {
                        vk::PipelineExecutableStatisticFormatKHR::BOOL32 => f64::from(statistic.value.b32),
                        vk::PipelineExecutableStatisticFormatKHR::INT64 => statistic.value.i64 as f64,
                        vk::PipelineExecutableStatisticFormatKHR::UINT64 => statistic.value.u64 as f64,
                        _ => statistic.value.f64,
                    }
                };
                (text(&statistic.name), value)
            })
            .collect();
        Ok(Executable { statistics, assembly: self.assembly(&info)? })
    }

    fn assembly(&self, info: &vk::PipelineExecutableInfoKHR<'_>) -> Result<Option<String>> {
        let ask = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        let mut count = 0;
        // SAFETY: with a null pointer only the count is written.
        unsafe { ask(self.device.handle(), info, &mut count, std::ptr::null_mut()) }.result()?;
        let mut found = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        // SAFETY: `found` has room for `count` entries whose `p_data` is null, so only sizes are written.
        unsafe { ask(self.device.handle(), info, &mut count, found.as_mut_ptr()) }.result()?;
        let mut texts: Vec<Vec<u8>> = found.iter().map(|one| vec![0; one.data_size]).collect();
        for (one, text) in found.iter_mut().zip(&mut texts) {
            one.p_data = text.as_mut_ptr().cast();
        }
        // SAFETY: every `p_data` points to a buffer of `data_size` bytes.
        unsafe { ask(self.device.handle(), info, &mut count, found.as_mut_ptr()) }.result()?;
        let names: Vec<String> = found.iter().map(|one| text(&one.name)).collect();
        let position = names.iter().position(|name| name == "Assembly");
        let read = |bytes: &Vec<u8>| Ok(CStr::from_bytes_until_nul(bytes)?.to_string_lossy().into_owned());
        position.map(|p| read(&texts[p])).transpose()
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        // SAFETY: nothing made from the device is left.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// A fixed-size string of Vulkan's.
fn text(characters: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = characters.iter().map(|&c| c as u8).take_while(|&c| c != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// SPIR-V as wgpu writes it for a device with `robustBufferAccess2`.
fn spirv(module: &naga::Module) -> Result<Vec<u32>> {
    use naga::back::spv;
    use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(module)
        .map_err(|e| anyhow::anyhow!("the shader is invalid: {}", e.into_inner()))?;
    let same = |binding: naga::ResourceBinding| spv::BindingInfo {
        descriptor_set: binding.group,
        binding: binding.binding,
        binding_array_size: None,
    };
    let bindings = module.global_variables.iter().filter_map(|(_, variable)| variable.binding);
    let options = spv::Options {
        binding_map: bindings.map(|binding| (binding, same(binding))).collect(),
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        fake_missing_bindings: false,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            ..Default::default()
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::Native,
        ..Default::default()
    };
    let entry = spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point: "main".into() };
    Ok(spv::write_vec(module, &info, &options, Some(&entry))?)
}
