//! GPUs of the host and of a container, by a stand-in for NVIDIA's library, which the loader finds first.

use super::Hosted;
use crate::rig::{Rig, isolated, record, samples};
use crate::support::TempDir;
use hsflow::collect::gpu::LIBRARY;
use hsflow::sflow::ids::DataSource;
use std::path::Path;
use std::process::Command;

/// A folder with the stand-in: two GPUs of 80 GiB, of which 70 are free.
fn library() -> TempDir {
    let folder = TempDir::new();
    let control = folder.write("control", "ok");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", &format!("-DCONTROL=\"{}\"", control.display()), "-o"]);
    gcc.arg(folder.path().join(LIBRARY));
    gcc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/fake.c"));
    assert!(gcc.status().unwrap().success());
    folder
}

#[test]
fn gpus_are_in_the_hosts_sample_and_a_containers_own_in_its() {
    isolated(|| {
        let library = library();
        let mut hosted = Hosted::waiting(&[], "docker { } nvml { }");
        hosted.start_in(&[("LD_LIBRARY_PATH", library.path())]);
        hosted
            .dockerd
            .sleeper("learner", "-e NVIDIA_VISIBLE_DEVICES=GPU-00000001-0000-4000-8000-000000000000");
        hosted.dockerd.sleeper("other", "");
        let has = |source, wanted: (u32, u64, u64)| {
            let what = format!("{wanted:?} of the GPUs of {source}");
            hosted.rig.wait(&what, |d| {
                let found = samples(d, source).last().copied().and_then(|sample| record!(sample, Gpu));
                found.is_some_and(|gpu| (gpu.device_count, gpu.mem_total, gpu.mem_free) == wanted)
            });
        };
        has(DataSource::HOST, (2, 160 << 30, 140 << 30));
        has(hosted.source("learner"), (1, 80 << 30, 70 << 30));
        let other = hosted.rig.next_sample(hosted.source("other"));
        assert_eq!(record!(other, Gpu), None);
        assert_eq!(hosted.rig.component("nvml"), "running");
        library.write("control", "lost");
        let state = hosted.rig.wait_component("nvml", "degraded");
        assert!(state.contains("GPU 1"), "{state}");
        has(DataSource::HOST, (1, 80 << 30, 70 << 30));
    });
}

#[test]
fn a_host_without_the_library_says_which_and_sends_no_gpus() {
    isolated(|| {
        let rig = Rig::running("polling = 1 nvml { }");
        let state = rig.wait_component("nvml", "unavailable");
        assert!(state.contains(LIBRARY), "{state}");
        let sample = rig.next_sample(DataSource::HOST);
        assert_eq!(record!(sample, Gpu), None);
        rig.reload("polling = 1");
        assert_eq!(rig.component("nvml"), "");
    });
}
