//! Policy on request. All of it is in the library: [`hsflow::policy::program`].

fn main() -> std::process::ExitCode {
    hsflow::policy::program::main(std::env::args_os())
}
