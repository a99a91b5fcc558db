//! The operator's tool. All of it is in the library: [`hsflow::ctl`].

fn main() -> std::process::ExitCode {
    hsflow::ctl::main(std::env::args_os())
}
