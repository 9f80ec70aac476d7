//! The command `harmonium`.

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_drivers();
    harmonium::cli::main()
}

/// Mesa's Vulkan layer that orders devices looks for a Wayland display, and where there is no session it
/// prints `error: XDG_RUNTIME_DIR is invalid` on every start. Without a session the layer has nothing to
/// do, so the process starts itself once more with the variable that turns the layer off. (Changing one's
/// own environment is not safe once threads run.)
#[cfg(target_os = "linux")]
fn quiet_drivers() {
    use std::os::unix::process::CommandExt;
    const LAYER_OFF: &str = "NODEVICE_SELECT";
    let set = |name| std::env::var_os(name).is_some();
    if set("XDG_RUNTIME_DIR") || set(LAYER_OFF) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // Returns only where it failed; then all goes on as it is.
        let mut arguments = std::env::args_os();
        let mut command = std::process::Command::new(program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        let _ = command.args(arguments).env(LAYER_OFF, "1").exec();
    }
}

#[cfg(not(target_os = "linux"))]
fn quiet_drivers() {}
