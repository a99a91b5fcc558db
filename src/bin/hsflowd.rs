//! The agent. All of it is in the library: [`hsflow::agent`].

fn main() -> std::process::ExitCode {
    hsflow::agent::main(std::env::args_os().skip(1)).into()
}
