//! What the agent asks about libvirt's domains, as a program of its own. All of it is in the library:
//! [`hsflow::collect::guests::libvirt::helper`].

fn main() -> std::process::ExitCode {
    hsflow::collect::guests::libvirt::helper::main(std::env::args_os().skip(1))
}
