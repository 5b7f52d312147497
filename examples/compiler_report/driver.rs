//! A Vulkan driver's compiler, reached by Vulkan's own calls: a driver that compiles for a card which is not there has none of
//! the semaphores that wgpu opens a device with. The SPIR-V is wgpu's: the same translator, told the same.

#![allow(
    unsafe_code,
    reason = "Vulkan's calls are unsafe; this is no part of the program"
)]

use std::ffi::CStr;

use ash::vk;
use gamaka::gpu::{Step, kernel};
use naga::back::pipeline_constants::process_overrides;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// A device of the first adapter there is. It compiles and runs nothing; the process ends with it.
pub(crate) struct Compiler {
    _entry: ash::Entry,
    device: ash::Device,
    /// The adapter's name, and its driver's version.
    pub(crate) name: String,
}

impl Compiler {
    /// Opens the first adapter of the driver that the environment names.
    pub(crate) fn open() -> Result<Self, String> {
        let say = |e: vk::Result| format!("Vulkan: {e}");
        // SAFETY: every handle is of the object that the call before it made, and outlives the calls that use it: nothing
        // is destroyed before the process ends.
        unsafe {
            let entry = ash::Entry::load().map_err(|e| e.to_string())?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let info = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = entry.create_instance(&info, None).map_err(say)?;
            let adapters = instance.enumerate_physical_devices().map_err(say)?;
            let adapter = *adapters.first().ok_or("the driver has no adapter")?;
            let mut driver = vk::PhysicalDeviceDriverProperties::default();
            let mut of_adapter = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
            instance.get_physical_device_properties2(adapter, &mut of_adapter);
            let words = |name: Result<&CStr, _>| {
                let name = name.map(CStr::to_string_lossy).unwrap_or_default();
                name.into_owned()
            };
            let name = words(of_adapter.properties.device_name_as_c_str());
            let name = format!("{name}, {}", words(driver.driver_info_as_c_str()));
            let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
            // Buffers are checked by the driver, as wgpu asks for.
            let mut robust =
                vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true);
            let features = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
            let extensions = [ash::ext::robustness2::NAME.as_ptr()];
            let info = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queues)
                .enabled_extension_names(&extensions)
                .enabled_features(&features)
                .push_next(&mut robust);
            let device = instance.create_device(adapter, &info, None).map_err(say)?;
            Ok(Self {
                _entry: entry,
                device,
                name,
            })
        }
    }

    /// Compiles a step's kernel; what the driver has to say of it, it says.
    pub(crate) fn compile(&self, step: &Step) -> Result<(), String> {
        let words = spirv(step)?;
        let say = |e: vk::Result| format!("{}: {e}", step.operation);
        let bindings: Vec<_> = (0..)
            .zip(&step.bindings)
            .map(|(binding, _)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding)
                    .descriptor_type(vk::DescriptorType::STORAGE_BUFFER)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        // SAFETY: as in `open`; the words are a whole module of SPIR-V with the entry point `main`, whose bindings are these.
        unsafe {
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let set = self.device.create_descriptor_set_layout(&info, None);
            let sets = [set.map_err(say)?];
            let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = self.device.create_pipeline_layout(&info, None);
            let info = vk::ShaderModuleCreateInfo::default().code(&words);
            let module = self.device.create_shader_module(&info, None).map_err(say)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let info = vk::ComputePipelineCreateInfo::default()
                .stage(stage)
                .layout(layout.map_err(say)?);
            self.device
                .create_compute_pipelines(vk::PipelineCache::null(), &[info], None)
                .map_err(|(_, e)| say(e))?;
        }
        Ok(())
    }
}

/// A step's kernel as wgpu gives it to a Vulkan driver (`shader_module` in src/gpu/adapter.rs).
fn spirv(step: &Step) -> Result<Vec<u32>, String> {
    let say = |e: &dyn std::fmt::Display| format!("{}: {e}", step.operation);
    let text = kernel(&step.kernel)
        .ok_or("no such kernel")?
        .wgsl_with(&step.arrays);
    let module = naga::front::wgsl::parse_str(&text).map_err(|e| say(&e))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|e| say(&e))?;
    let constants = step.overrides.iter().cloned().collect();
    let main = Some((naga::ShaderStage::Compute, "main"));
    let (module, info) =
        process_overrides(&module, &info, main, &constants).map_err(|e| say(&e))?;
    let options = spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Unchecked,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..spv::Options::default()
    };
    let entry = spv::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: "main".to_string(),
    };
    spv::write_vec(&module, &info, &options, Some(&entry)).map_err(|e| say(&e))
}
